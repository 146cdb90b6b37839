"""What a run is (`RunConfig`) and how it is carried out (`Options`): types, defaults, ranges, did-you-mean.

Everything that changes a run's result is a field of `RunConfig`; everything else is a field of `Options`.
The defaults here are also the neutral values of a run's identity (`config.plan.identity`): a field that is added later,
with a default that leaves old runs as they were, changes no identity.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, cast

from lenet_ablate.config.activations import INNER, Nonlinearities, Nonlinearity
from lenet_ablate.config.arguments import ARGUMENTS, DIGEST, FACTORY, Arguments
from lenet_ablate.config.checks import Check, OneOf, Optional, Pair, Real, Several, Text, Whole, YesNo
from lenet_ablate.config.choices import (
    C5,
    Activation,
    Augment,
    Claim,
    Color,
    DataSet,
    Device,
    EarlyStop,
    Engine,
    Feature,
    Init,
    Keep,
    Logger,
    Model,
    Normalize,
    Optimizer,
    OutputActivation,
    Pool,
    Resize,
    StopSplit,
)
from lenet_ablate.config.schedules import Schedule
from lenet_ablate.config.study_name import STUDY_NAME

REPORT_FOLDER = "report"
"""The folder beside the studies in which their reports lie; no study has its name."""
PATH = Text(r"[^\x00\n\ud800-\udfff]+", "a path, in UTF-8 and in one line")


def _setting(default: Any, check: Check, text: str, only_given: bool = False) -> Any:
    """A field; `only_given`: stands in records only where it is given."""
    return field(default=default, metadata={"check": check, "help": text, "only_given": only_given})


def _group(kind: Callable[[], Any], text: str) -> Any:
    return field(default_factory=kind, metadata={"help": text})


@dataclass(frozen=True)
class ModelConfig:
    """The network and its variations; null where the network has none such."""

    name: Model = _setting(Model.lenet5, OneOf(Model), "network")
    output_activation: OutputActivation = _setting(
        OutputActivation.none, OneOf(OutputActivation), "nonlinearity behind the output layer"
    )
    c5: C5 | None = _setting(
        C5.linear, Optional(OneOf(C5)), "lenet5, lenet5_28: c5 as a fully connected layer or as a convolution"
    )
    hidden: tuple[int, ...] | None = _setting(
        None, Optional(Several(Whole(1, 8192), most=16)), "mlp: units of the hidden layers, [] for none"
    )
    factory: str | None = _setting(None, FACTORY, "own: FILE.py:NAME, what makes the network; docs/own.md")
    args: Arguments | None = _setting(None, ARGUMENTS, "own: what it is given by name, also as model.args.NAME=…")
    sha256: str | None = _setting(None, DIGEST, "own: digest of its code, filled in; where given, it must be so")


@dataclass(frozen=True)
class OptimizerConfig:
    """Hyperparameters of the update rule, spelled as in `torch.optim`; null where the rule has none such."""

    name: Optimizer = _setting(Optimizer.adam, OneOf(Optimizer), "update rule")
    betas: tuple[float, float] | None = _setting(
        None,
        Optional(Pair(Real(0, 1, with_low=True, with_high=False))),
        "adam, adamw: decay of the two moment estimates",
    )
    alpha: float | None = _setting(
        None, Optional(Real(0, 1, with_low=True, with_high=False)), "rmsprop: decay of the squares' average"
    )
    eps: float | None = _setting(None, Optional(Real(0, 1)), "adam, adamw, rmsprop: added to the denominator")
    momentum: float | None = _setting(
        None, Optional(Real(0, 1, with_low=True, with_high=False)), "sgd, rmsprop: momentum"
    )
    nesterov: bool = _setting(False, YesNo(), "sgd: Nesterov's momentum")
    weight_decay: float = _setting(
        0.0, Real(0, 10, with_low=True), "L2 penalty added to the gradient; adamw: shrinks the weights instead"
    )
    factory: str | None = _setting(None, FACTORY, "own: FILE.py:NAME, what makes the optimizer; docs/own.md", True)
    args: Arguments | None = _setting(None, ARGUMENTS, "own: arguments by name, as optimizer.args.NAME=…", True)
    sha256: str | None = _setting(None, DIGEST, "own: digest of the optimizer's code, filled in as model.sha256", True)


MAX_CLASSES = 1000


def default_optimizer() -> OptimizerConfig:
    """Adam with PyTorch's defaults."""
    return OptimizerConfig(betas=(0.9, 0.999), eps=1e-8)


@dataclass(frozen=True)
class DataConfig:
    """The data set, its validation split and its normalisation."""

    name: DataSet = _setting(DataSet.mnist, OneOf(DataSet), "data set")
    path: str | None = _setting(None, Optional(PATH), "file, idx, npz: folder or file with the data")
    val_size: int | None = _setting(
        5000, Optional(Whole(0, 10_000_000)), "training images set aside for validation; null: one in twelve"
    )
    mean: float | None = _setting(
        0.1307, Optional(Real(-1, 2, with_low=True)), "subtracted from pixels in 0..1; null: the training set's own"
    )
    std: float | None = _setting(
        0.3081, Optional(Real(0, 10)), "divides the centred pixels; null: the training set's own"
    )
    normalize: Normalize = _setting(
        Normalize.standard, OneOf(Normalize), "by mean and std, not at all (0..1), or by the training set's own"
    )
    resize: Resize = _setting(Resize.pad, OneOf(Resize), "a border where images are a little small, or interpolated")
    train_size: int | None = _setting(
        None, Optional(Whole(1, 10_000_000)), "training images used, drawn from the seed; null: all"
    )
    shuffle: bool = _setting(True, YesNo(), "draw a new order for each epoch")
    noise: float | None = _setting(
        None, Optional(Real(0, 0.5, with_low=True)), "playground: how far labels or points go astray"
    )
    train_fraction: float | None = _setting(
        None,
        Optional(Real(0.1, 0.9, with_low=True)),
        "playground, and file without test images: share that is not for testing",
    )
    features: tuple[Feature, ...] | None = _setting(
        None, Optional(Several(OneOf(Feature), most=len(Feature))), "playground: what the network sees of a point"
    )
    seed: int | None = _setting(
        None,
        Optional(Whole(0, 2**32 - 1)),
        "playground, and file without test images: draws what is for testing, the same for every seed of a run",
    )
    range: float | None = _setting(
        None, Optional(Real(0, 65_535)), "file, idx, npz: the value of full ink, 0 being background; null: found out"
    )
    transpose: bool | None = _setting(
        None, Optional(YesNo()), "file: swap rows and columns; null: where EMNIST's file names say so"
    )
    classes: tuple[str, ...] | None = _setting(
        None,
        Optional(Several(Text(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,100}", "1 to 100 characters"), most=MAX_CLASSES)),
        "file, emnist_…, kmnist49, qmnist: names of the classes in the order of their labels; null: as the data have",
    )
    color: Color = _setting(
        Color.grey, OneOf(Color), "file: colour images read as grey, or as red, green and blue, c1's three inputs"
    )
    num_classes: int | None = _setting(
        None,
        Optional(Whole(2, MAX_CLASSES)),
        "classes that the network tells apart; null: ten, of the playground two, of file as many as there are",
    )
    sha256: str | None = _setting(
        None,
        DIGEST,
        "file: digest of images and labels, filled in when they are read; where given, they must have it",
    )


@dataclass(frozen=True)
class AugmentConfig:
    """How training images are varied, drawn anew for each image and epoch; null where the kind has none such."""

    name: Augment = _setting(Augment.none, OneOf(Augment), "how training images are varied")
    shift: float | None = _setting(
        None,
        Optional(Real(0, 16)),
        "shift, affine: pixels along each axis, at most; affine: before scale, turn and slant",
    )
    degrees: float | None = _setting(None, Optional(Real(0, 180)), "rotate, affine: angle, at most")
    scale: float | None = _setting(None, Optional(Real(0, 0.9)), "affine: change of size, at most; a fraction")
    shear: float | None = _setting(None, Optional(Real(0, 60)), "affine: slant in degrees, at most")
    flip: float | None = _setting(None, Optional(Real(0, 1)), "flip: probability of a mirror image")


@dataclass(frozen=True)
class EarlyStopConfig:
    """When a run ends before its last epoch; null where the rule has none such."""

    name: EarlyStop = _setting(EarlyStop.off, OneOf(EarlyStop), "what ends a run before its last epoch")
    split: StopSplit = _setting(StopSplit.val, OneOf(StopSplit), "whose accuracy is watched; test is stamped")
    patience: int | None = _setting(None, Optional(Whole(1, 100_000)), "patience: epochs without a rise")
    min_delta: float | None = _setting(
        None, Optional(Real(0, 1, with_low=True)), "patience: what counts as a rise; delta: as a change; a fraction"
    )


@dataclass(frozen=True)
class RunConfig:
    """Everything that determines a run's result."""

    model: ModelConfig = _group(ModelConfig, "network")
    pool: Pool = _setting(Pool.max, OneOf(Pool), "pooling of s2 and s4")
    activation: Nonlinearity = _setting(Activation.relu, Nonlinearities(), "nonlinearity")
    optimizer: OptimizerConfig = _group(default_optimizer, "update rule")
    lr: float | Schedule = field(
        default=0.001, metadata={"help": "learning rate: a number, a schedule's name or an inline schedule"}
    )
    batch_size: int = _setting(64, Whole(1, 65_536), "images per step")
    epochs: int = _setting(30, Whole(1, 100_000), "passes over the training split")
    init: Init = _setting(Init.default, OneOf(Init), "initial weights: PyTorch's, or N(0, 0.1²) with biases of 0.01")
    seed: int = _setting(0, Whole(0, 2**32 - 1), "draws split, initial weights and batch order")
    data: DataConfig = _group(DataConfig, "data set")
    augment: AugmentConfig = _group(AugmentConfig, "augmentation")
    early_stop: EarlyStopConfig = _group(EarlyStopConfig, "early stopping")


@dataclass(frozen=True)
class Options:
    """How runs are carried out; nothing here changes a result."""

    engine: Engine = _setting(Engine.auto, OneOf(Engine), "what computes; auto: the fastest that knows the network")
    device: Device = _setting(Device.auto, OneOf(Device), "where it computes; auto: cuda where there is one, else cpu")
    study: str = _setting("ablation", STUDY_NAME, "folder that the runs share")
    data_dir: str | None = _setting(None, Optional(PATH), "data folder; null: $LENET_ABLATE_DATA, else data/")
    output_dir: str = _setting("outputs", PATH, "folder of the studies")
    train_loss_every: int = _setting(
        0, Whole(0, 100_000), "epochs between two evaluations on the training split; 0: only after the last"
    )
    checkpoint: Keep = _setting(Keep.last, OneOf(Keep), "weights kept: of the last epoch, also the best, or of each")
    log_every: int = _setting(
        0, Whole(0, 10_000_000), "batches whose mean loss makes a row of batch_losses.csv; 0: no such file"
    )
    plan: bool = _setting(False, YesNo(), "only show the runs, which are done, and how long the others take")
    repair: bool = _setting(
        False, YesNo(), "only train what is damaged in the study again, whichever command asked for it"
    )
    sheet: str | None = _setting(None, Optional(PATH), "with plan=true: PNG of the first pictures of each class")
    claim: Claim = _setting(Claim.locks, OneOf(Claim), "how runs of a shared study are claimed; files: without locks")
    report: bool = _setting(False, YesNo(), "whether the study's report is made when the sweep has ended")
    logger: Logger = _setting(Logger.none, OneOf(Logger), "tool that gets a copy of each run's record")


# A group's file chooses these; a bare `optimizer=sgd` stands for `optimizer.name=sgd`.
NAMED_GROUPS = {"model": "name", "optimizer": "name", "data": "name", "augment": "name", "early_stop": "name"}
OPEN_KEYS = ("model.args", "optimizer.args", "activation.args")
"""Settings whose keys are the user's own."""
FOUND_OUT = ("range", "transpose", "classes", "num_classes", "train_fraction", "seed", "sha256")
"""What reading `data.path` fills in: follows from what lies there, so that the path alone tells it apart."""


def iter_settings() -> Iterator[tuple[str, dataclasses.Field[Any]]]:
    """Every setting as its dotted key and its dataclass field, `RunConfig`'s first."""
    for kind in (RunConfig, Options):
        for outer in dataclasses.fields(kind):
            if "check" in outer.metadata or outer.name == "lr":
                yield outer.name, outer
                if outer.name == "activation":
                    yield from ((f"activation.{name}", inner) for name, inner in INNER.items())
            else:
                for inner in dataclasses.fields(cast(Any, outer.default_factory)()):
                    yield f"{outer.name}.{inner.name}", inner


def setting_keys() -> list[str]:
    """Every legal key: settings in dotted form and the groups that hold them."""
    dotted = [key for key, _ in iter_settings()]
    return sorted({*dotted, *NAMED_GROUPS, "lr_schedules"})


def is_open(key: str) -> bool:
    """Whether a key is, or lies within, a mapping whose keys are the user's own, as in `model.args.width`."""
    return any(key == open_key or key.startswith(f"{open_key}.") for open_key in OPEN_KEYS)


def to_mapping(config: Any) -> dict[str, Any]:
    """The nested mapping of plain values behind a `RunConfig` or `Options`."""
    fields = [f for f in dataclasses.fields(config) if not f.metadata.get("only_given") or getattr(config, f.name)]
    return {f.name: _plain(getattr(config, f.name)) for f in fields}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return to_mapping(value)
    if isinstance(value, tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, Arguments):
        return value.plain()
    return value.value if isinstance(value, Enum) else value
