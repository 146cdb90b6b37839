"""PyTorch as its tutorials begin: torchvision's MNIST with transforms, a DataLoader, a plain loop.

After PyTorch's "basic MNIST example" and "Training a classifier". Each image is padded, made a tensor and normalised
when it is drawn. `--workers` is the DataLoader's `num_workers`.
"""

from __future__ import annotations

import torch
from contract import BATCH_SIZE, LEARNING_RATE, MEAN, NUM_TRAIN, STD, Clock, answer, arguments
from lenet5_torch import LeNet5
from torch.nn import functional
from torch.utils.data import DataLoader, Subset
from torchvision import datasets, transforms


def main() -> None:
    given = arguments(workers="0")
    torch.manual_seed(given.seed)
    workers = int(given.workers)
    transform = transforms.Compose([transforms.Pad(2), transforms.ToTensor(), transforms.Normalize((MEAN,), (STD,))])
    all_set = datasets.MNIST(given.data, train=True, transform=transform)
    train_set = Subset(all_set, range(min(NUM_TRAIN, len(all_set))))
    test_set = datasets.MNIST(given.data, train=False, transform=transform)
    kept = {"num_workers": workers, "persistent_workers": workers > 0}
    train_loader = DataLoader(train_set, batch_size=BATCH_SIZE, shuffle=True, **kept)
    test_loader = DataLoader(test_set, batch_size=1000)
    model = LeNet5()
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    clock = Clock()
    for _ in range(given.epochs):
        with clock:
            model.train()
            for images, labels in train_loader:
                optimizer.zero_grad()
                loss = functional.cross_entropy(model(images), labels)
                loss.backward()
                optimizer.step()
    model.eval()
    with torch.no_grad():
        right = sum((model(images).argmax(1) == labels).sum().item() for images, labels in test_loader)
    answer(clock.seconds, right / len(test_set), ["torch", "torchvision"])


if __name__ == "__main__":
    main()
