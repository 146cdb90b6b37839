"""The words that settings choose from."""

from __future__ import annotations

from enum import Enum


class Pool(Enum):
    """How s2 and s4 reduce each 2×2 field."""

    max = "max"
    avg = "avg"


class Activation(Enum):
    """The nonlinearity behind c1, c3, c5 and f6."""

    relu = "relu"
    tanh = "tanh"
    sigmoid = "sigmoid"
    gelu = "gelu"


class Model(Enum):
    """The network."""

    lenet5 = "lenet5"
    lenet5_28 = "lenet5_28"
    cnn4 = "cnn4"
    mlp = "mlp"
    own = "own"


class OutputActivation(Enum):
    """What stands behind the output layer."""

    none = "none"
    relu = "relu"


class C5(Enum):
    """How LeNet-5's c5 is written; both compute the same function."""

    linear = "linear"
    conv = "conv"


class Optimizer(Enum):
    """The update rule, as `torch.optim` defines it."""

    adam = "adam"
    adamw = "adamw"
    sgd = "sgd"
    rmsprop = "rmsprop"
    own = "own"


class Init(Enum):
    """How initial weights are drawn."""

    default = "default"
    gaussian = "gaussian"


class DataSet(Enum):
    """Where the images come from; in the playground's sets, points of the plane take their place."""

    mnist = "mnist"
    fashion_mnist = "fashion_mnist"
    kmnist = "kmnist"
    kmnist49 = "kmnist49"
    qmnist = "qmnist"
    emnist_balanced = "emnist_balanced"
    emnist_letters = "emnist_letters"
    emnist_digits = "emnist_digits"
    digits = "digits"
    idx = "idx"
    npz = "npz"
    file = "file"
    circle = "playground/circle"
    xor = "playground/xor"
    gauss = "playground/gauss"
    spiral = "playground/spiral"

    @property
    def is_own(self) -> bool:
        """Whether it is the user's, and `data.path` says where it lies."""
        return self in (DataSet.idx, DataSet.npz, DataSet.file)

    @property
    def is_playground(self) -> bool:
        """Whether its samples are points of the plane in two classes."""
        return self.value.startswith("playground/")


class Feature(Enum):
    """What the network is shown of a point (x, y)."""

    x = "x"
    y = "y"
    x_squared = "x_squared"
    y_squared = "y_squared"
    x_times_y = "x_times_y"
    sin_x = "sin_x"
    sin_y = "sin_y"


class Augment(Enum):
    """How training images are varied."""

    none = "none"
    shift = "shift"
    rotate = "rotate"
    affine = "affine"
    flip = "flip"


class EarlyStop(Enum):
    """What ends a run before its last epoch."""

    off = "off"
    patience = "patience"
    delta = "delta"


class StopSplit(Enum):
    """Whose accuracy is watched."""

    val = "val"
    test = "test"


class Keep(Enum):
    """Which weights are kept; those of the last epoch always are."""

    last = "last"
    best = "best"
    every = "every"


class Claim(Enum):
    """How a run is claimed by one of several sweeps."""

    locks = "locks"
    files = "files"


class Sampler(Enum):
    """How a search chooses its points."""

    tpe = "tpe"
    random = "random"


class SearchMetric(Enum):
    """What a search seeks the best of."""

    val_accuracy = "val_accuracy"
    val_loss = "val_loss"


class OnError(Enum):
    """What a sweep does once a run has failed for good."""

    go_on = "continue"
    stop = "stop"


class Resize(Enum):
    """How images come to the network's size."""

    pad = "pad"
    bilinear = "bilinear"


class Color(Enum):
    """What becomes of colour images."""

    grey = "grey"
    rgb = "rgb"


class Normalize(Enum):
    """What pixels in 0..1 are turned into."""

    standard = "standard"
    unit = "unit"
    per_set = "per_set"


class Engine(Enum):
    """What computes."""

    auto = "auto"
    compiled = "compiled"
    cuda = "cuda"
    torch = "torch"


class Device(Enum):
    """Where it computes."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"
    mps = "mps"


class Design(Enum):
    """Which combinations of levels a sweep has."""

    full = "full"
    one_factor = "one_factor"


class Protocol(Enum):
    """Whose rules an experiment follows."""

    standard = "standard"
    document = "document"


class Logger(Enum):
    """Which other tool gets a copy of each run's record."""

    none = "none"
    tensorboard = "tensorboard"
    mlflow = "mlflow"
