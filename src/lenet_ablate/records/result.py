"""What a finished run comes to, as its result.json says."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lenet_ablate.errors import RecordError
from lenet_ablate.records.fields import Fields, fields_of
from lenet_ablate.records.files import parse_json, read_file
from lenet_ablate.records.record import RESULT

MAX_BYTES, MAX_VALUES = 1 << 20, 10_000
MAX_PACKAGES = 100
MAX_IMAGES = 10_000_000
MAX_LOSS = 3.5e38  # a float32's largest
MAX_COMMAND = 200_000  # characters; a shell takes fewer


@dataclass(frozen=True)
class EpochFigures:
    """What is on record of one epoch; losses in nats per image, accuracies 0..1, None where not evaluated."""

    epoch: int | None = None
    step: int | None = None
    lr: float | None = None
    train_loss_running: float | None = None
    train_loss: float | None = None
    val_loss: float | None = None
    val_accuracy: float | None = None
    test_loss: float | None = None
    test_accuracy: float | None = None


@dataclass(frozen=True)
class RunProvenance:
    """Where a result comes from; None where it does not say.

    Attributes:
        versions: Version by package; `lenet-ablate` and `python` first.
        commit: Commit of this program.
        is_dirty: Whether its checkout had local changes.
        processor: The machine's.
        logical_cores: The machine's.
        system: The machine's.
        engine: What computed.
        device: Where it computed.
        card: What the GPU is called; None on the CPU.
        threads: Threads per run.
        data_sha256: Digest of the data set.
        command: As it was typed.
    """

    versions: Mapping[str, str] = field(default_factory=dict)
    commit: str | None = None
    is_dirty: bool = False
    processor: str | None = None
    logical_cores: int | None = None
    system: str | None = None
    engine: str | None = None
    device: str | None = None
    card: str | None = None
    threads: int | None = None
    data_sha256: str | None = None
    command: str | None = None


@dataclass(frozen=True)
class RunResult:
    """A run's result.json; None where it does not say, and everywhere for a run that is not finished.

    Attributes:
        variant_id: Shared by the replicates of a variant.
        epochs_done: Epochs trained.
        epochs_planned: Epochs asked for; more where the run ended early or diverged.
        num_train: Images trained on in each epoch.
        num_val: Validation images.
        num_test: Test images.
        num_parameters: Numbers learned.
        log_every: Batches whose mean loss makes a row of batch_losses.csv; 0: there is no such file.
        final: The last epoch.
        best_val: The epoch with the best validation accuracy; None without validation images.
        wall_seconds: Time spent training and evaluating.
        provenance: Where it comes from.
    """

    variant_id: str | None = None
    epochs_done: int | None = None
    epochs_planned: int | None = None
    num_train: int | None = None
    num_val: int | None = None
    num_test: int | None = None
    num_parameters: int | None = None
    log_every: int = 0
    final: EpochFigures = EpochFigures()
    best_val: EpochFigures | None = None
    wall_seconds: float | None = None
    provenance: RunProvenance = field(default_factory=RunProvenance)


def read_result(folder: Path) -> RunResult:
    """The result of the run in a folder.

    Raises:
        RecordError: It is missing, cannot be read, or holds something else.
    """
    return result_of(read_file(folder, RESULT, MAX_BYTES))


def result_of(content: bytes) -> RunResult:
    """The result that a result.json of this content tells.

    Raises:
        RecordError: A value is of another type than it must be, or out of range.
    """
    try:
        return parse_result(parse_json(content, MAX_VALUES))
    except RecordError as error:
        text = str(error)
        raise RecordError(text if text.startswith(RESULT) else f"{RESULT} {text}") from None


def parse_result(content: object) -> RunResult:
    """The result behind plain values; see `result_of`."""
    values = fields_of(content, RESULT)
    best, final = values.fields("best_val"), values.fields("final")
    return RunResult(
        values.text("variant_id", 64),
        values.whole("epochs_done", 0, 100_000),
        values.whole("epochs_planned", 0, 100_000),
        values.whole("num_train", 0, MAX_IMAGES),
        values.whole("num_val", 0, MAX_IMAGES),
        values.whole("num_test", 0, MAX_IMAGES),
        values.whole("num_parameters"),
        values.whole("log_every", 0, MAX_IMAGES) or 0,
        _figures(final) if final else EpochFigures(),
        _figures(best) if best else None,
        values.number("wall_seconds", 0, 1e12),
        _shared_provenance(values.fields("provenance") or Fields({}, RESULT)),
    )


def _figures(values: Fields) -> EpochFigures:
    return EpochFigures(
        values.whole("epoch", 0, 100_000),
        values.whole("step"),
        values.number("lr"),
        values.number("train_loss_running", -1, MAX_LOSS),
        values.number("train_loss", -1, MAX_LOSS),
        values.number("val_loss", -1, MAX_LOSS),
        values.number("val_accuracy", 0, 1),
        values.number("test_loss", -1, MAX_LOSS),
        values.number("test_accuracy", 0, 1),
    )


def _shared_provenance(values: Fields) -> RunProvenance:
    """The provenance; thousands of runs share one, which is read and kept once."""
    try:
        return _provenance_of(json.dumps(values.values), values.place)
    except RecursionError:
        raise RecordError(f"{values.place} is nested too deeply") from None


@functools.lru_cache(maxsize=64)
def _provenance_of(text: str, place: str) -> RunProvenance:
    return _provenance(Fields(json.loads(text), place))


def _provenance(values: Fields) -> RunProvenance:
    nothing = Fields({}, values.place)
    git, machine = values.fields("git") or nothing, values.fields("machine") or nothing
    packages = values.fields("packages") or nothing
    if len(packages.values) > MAX_PACKAGES:
        raise RecordError(f"{packages.place} names more than {MAX_PACKAGES} packages")
    versions = {"lenet-ablate": values.text("lenet_ablate"), "python": values.text("python")}
    versions |= {name: packages.text(name) for name in packages.values}
    return RunProvenance(
        {_writable(name): version for name, version in versions.items() if version},
        git.text("commit"),
        git.flag("dirty") or False,
        machine.text("processor"),
        machine.whole("logical_cores"),
        machine.text("system"),
        values.text("engine"),
        values.text("device"),
        values.text("card"),
        values.whole("threads"),
        values.text("data_sha256"),
        values.text("command", MAX_COMMAND),
    )


def _writable(name: str) -> str:
    return name.encode(errors="replace").decode()[:100]
