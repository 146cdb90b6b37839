"""PyTorch with the data set in memory: one tensor, prepared once, whose rows are drawn anew for each epoch.

What PyTorch's performance guide comes to for data of this size: no loader, the fused Adam, and with `--compile yes`
the whole step through `torch.compile`, which needs a C++ compiler.
"""

from __future__ import annotations

import torch
from contract import BATCH_SIZE, LEARNING_RATE, Clock, answer, arguments, images, prepared
from lenet5_torch import LeNet5
from torch.nn import functional


def main() -> None:
    given = arguments(compile="no")
    torch.manual_seed(given.seed)
    (pixels, digits), (test_pixels, test_digits) = images(given.data, "train"), images(given.data, "t10k")
    train_images, train_labels = torch.from_numpy(prepared(pixels))[:, None], torch.from_numpy(digits).long()
    test_images, test_labels = torch.from_numpy(prepared(test_pixels))[:, None], torch.from_numpy(test_digits).long()
    model = LeNet5()
    forward = torch.compile(model) if given.compile == "yes" else model
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=True)
    clock = Clock()
    for _ in range(given.epochs):
        with clock:
            for rows in torch.randperm(len(train_labels)).split(BATCH_SIZE):
                optimizer.zero_grad()
                loss = functional.cross_entropy(forward(train_images[rows]), train_labels[rows])
                loss.backward()
                optimizer.step()
    model.eval()
    with torch.no_grad():
        right = sum(
            (model(some).argmax(1) == labels).sum().item()
            for some, labels in zip(test_images.split(1000), test_labels.split(1000), strict=True)
        )
    answer(clock.seconds, right / len(test_labels), ["torch"])


if __name__ == "__main__":
    main()
