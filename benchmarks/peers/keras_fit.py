"""Keras 3 with `fit` on arrays, as its "Simple MNIST convnet" example; KERAS_BACKEND says on what it computes."""

from __future__ import annotations

import keras
import numpy as np
from contract import BATCH_SIZE, LEARNING_RATE, Clock, answer, arguments, images, prepared
from keras import layers

PACKAGES = {"jax": ["jax"], "tensorflow": ["tensorflow-cpu"], "torch": ["torch"]}


class EpochClock(keras.callbacks.Callback):
    """Times each epoch of training."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        self.clock.__enter__()

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        self.clock.__exit__()


def lenet5() -> keras.Model:
    """61,706 parameters."""
    return keras.Sequential(
        [
            keras.Input((32, 32, 1)),
            *(layers.Conv2D(6, 5, activation="relu"), layers.MaxPooling2D(2)),
            *(layers.Conv2D(16, 5, activation="relu"), layers.MaxPooling2D(2), layers.Flatten()),
            *(layers.Dense(120, activation="relu"), layers.Dense(84, activation="relu"), layers.Dense(10)),
        ]
    )


def main() -> None:
    given = arguments()
    keras.utils.set_random_seed(given.seed)
    train, test = images(given.data, "train"), images(given.data, "t10k")
    model, timed = lenet5(), EpochClock()
    model.compile(
        optimizer=keras.optimizers.Adam(LEARNING_RATE),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    pixels, labels = prepared(train[0])[..., None], train[1].astype(np.int32)
    model.fit(pixels, labels, batch_size=BATCH_SIZE, epochs=given.epochs, callbacks=[timed], verbose=0)
    logits = model.predict(prepared(test[0])[..., None], batch_size=1000, verbose=0)
    accuracy = (np.asarray(logits).argmax(1) == test[1]).mean()
    answer(timed.clock.seconds, accuracy, ["keras", *PACKAGES[keras.backend.backend()]])


if __name__ == "__main__":
    main()
