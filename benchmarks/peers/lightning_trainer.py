"""Lightning's `Trainer` with a `LightningModule`, as its "Lightning in 15 minutes" writes them.

Kinder than that page, which draws images through transforms: the data lie in memory and the DataLoader takes a whole
batch by its row numbers, so that what is measured is Lightning and not the loading. What records nothing here is
switched off (logger, checkpoints, progress bar).
"""

from __future__ import annotations

import warnings

import lightning
import torch
from contract import BATCH_SIZE, LEARNING_RATE, Clock, answer, arguments, images, prepared
from lenet5_torch import LeNet5
from torch.nn import functional
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler, TensorDataset


class Classifier(lightning.LightningModule):
    """LeNet-5 with cross-entropy and Adam."""

    def __init__(self) -> None:
        super().__init__()
        self.model = LeNet5()
        self.right = 0

    def training_step(self, batch: list[torch.Tensor], batch_idx: int) -> torch.Tensor:
        some, labels = batch
        return functional.cross_entropy(self.model(some), labels)

    def test_step(self, batch: list[torch.Tensor], batch_idx: int) -> None:
        some, labels = batch
        self.right += int((self.model(some).argmax(1) == labels).sum())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=LEARNING_RATE)


class EpochClock(lightning.Callback):
    """Times each epoch of training."""

    def __init__(self) -> None:
        self.clock = Clock()

    def on_train_epoch_start(self, *given: object) -> None:
        self.clock.__enter__()

    def on_train_epoch_end(self, *given: object) -> None:
        self.clock.__exit__()


def loader(given_images: tuple, sampler: type, batch_size: int) -> DataLoader:
    pixels, labels = given_images
    data = TensorDataset(torch.from_numpy(prepared(pixels))[:, None], torch.from_numpy(labels).long())
    return DataLoader(data, sampler=BatchSampler(sampler(data), batch_size, drop_last=False), batch_size=None)


def main() -> None:
    given = arguments()
    warnings.filterwarnings("ignore", ".*does not have many workers.*")
    lightning.seed_everything(given.seed, verbose=False)
    model, timed = Classifier(), EpochClock()
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_epochs=given.epochs,
        callbacks=[timed],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(model, loader(images(given.data, "train"), RandomSampler, BATCH_SIZE))
    test = images(given.data, "t10k")
    trainer.test(model, loader(test, SequentialSampler, 1000), verbose=False)
    answer(timed.clock.seconds, model.right / len(test[1]), ["lightning", "torch"])


if __name__ == "__main__":
    main()
