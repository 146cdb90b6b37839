"""Everything that an unfinished run needs to go on exactly where it stopped, in one safetensors file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.numpy

from lenet_ablate.errors import RecordError
from lenet_ablate.records.arrays import split_safetensors
from lenet_ablate.records.atomic import write_bytes
from lenet_ablate.records.fields import fields_of
from lenet_ablate.records.files import is_plain, parse_json, read_file
from lenet_ablate.records.metrics import row_of
from lenet_ablate.records.record import CHECKPOINT, EpochRow, values_of

LOSSES = "losses"
STATE_PREFIX = "state/"
MAX_HEADER_BYTES, MAX_VALUES = 32 << 20, 2_000_000  # 100,000 epochs

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Checkpoint:
    """A run between two steps.

    Attributes:
        stamp: What must be the same for a resume to be exact, see `make_stamp`.
        steps_done: Updates made since the start of the run.
        seconds: Time spent in the epoch that is under way.
        wall_seconds: Time spent in the run.
        rows: The finished epochs.
        losses: (steps of the epoch under way,) float32, the batches' mean losses in nats.
        state: The learner's state by name.
        kept: SHA-256 by name of the files that were kept beside it, see `records.snapshots`; None where it was written
            by a version that did not tell.
    """

    stamp: Mapping[str, str]
    steps_done: int
    seconds: float
    wall_seconds: float
    rows: tuple[EpochRow, ...]
    losses: npt.NDArray[np.float32]
    state: Arrays
    kept: Mapping[str, str] | None = None


def make_stamp(identity: str, engine: str, device: str, card: str, data: str) -> dict[str, str]:
    """What must be the same for a resume to be exact.

    Args:
        identity: The run's.
        engine: What computes.
        device: Where it computes.
        card: The GPU's name; empty on the CPU.
        data: The data set's digest.
    """
    stamp = {"identity": identity, "engine": engine, "device": device, "data": data}
    return {**stamp, "card": card} if card else stamp


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Replace the run's checkpoint. The file carries its own digest, so it needs no wait for the disk."""
    arrays = {STATE_PREFIX + name: np.asarray(array, order="C") for name, array in checkpoint.state.items()}
    arrays[LOSSES] = checkpoint.losses
    head = json.dumps(
        {
            "stamp": dict(checkpoint.stamp),
            "steps_done": checkpoint.steps_done,
            "seconds": checkpoint.seconds,
            "wall_seconds": checkpoint.wall_seconds,
            "rows": [values_of(row) for row in checkpoint.rows],
            "kept": None if checkpoint.kept is None else dict(checkpoint.kept),
        }
    )
    metadata = {"head": head, "sha256": _digest(head, arrays)}
    write_bytes(folder / CHECKPOINT, safetensors.numpy.save(arrays, metadata), flush=False)


def read_checkpoint(folder: Path, stamp: Mapping[str, str], most: int = 1 << 30) -> Checkpoint | None:
    """The run's checkpoint; None where there is none, it is damaged, or it was made under another stamp.

    Args:
        folder: The run's folder.
        stamp: What it must have been made under.
        most: Bytes that it may have.
    """
    try:
        content = read_file(folder, CHECKPOINT, most + MAX_HEADER_BYTES)
        arrays, metadata = split_safetensors(content, CHECKPOINT, MAX_HEADER_BYTES, MAX_VALUES)
        head = metadata.get("head", "")
        if metadata.get("sha256") != _digest(head, arrays):
            return None
        return _parse(parse_json(head.encode(), MAX_VALUES), arrays, stamp)
    except (RecordError, UnicodeEncodeError):
        return None


def _parse(head: object, arrays: dict[str, npt.NDArray[Any]], stamp: Mapping[str, str]) -> Checkpoint | None:
    values = fields_of(head, CHECKPOINT)
    if values.values.get("stamp") != dict(stamp) or LOSSES not in arrays:
        return None
    rows = values.needed("rows")
    losses = arrays.pop(LOSSES)
    if losses.ndim != 1 or losses.dtype != np.float32 or not isinstance(rows, list):
        return None
    return Checkpoint(
        stamp=stamp,
        steps_done=values.whole("steps_done") or 0,
        seconds=values.number("seconds", 0) or 0.0,
        wall_seconds=values.number("wall_seconds", 0) or 0.0,
        rows=tuple(row_of(number, _texts(row)) for number, row in enumerate(rows, 1)),
        losses=losses,
        state={name.removeprefix(STATE_PREFIX): np.array(array) for name, array in arrays.items()},
        kept=_kept(values.values.get("kept")),
    )


def _texts(row: object) -> list[str]:
    """An epoch's values as they stand in metrics.csv."""
    if not isinstance(row, list):
        raise RecordError(f"{CHECKPOINT}: an epoch must be a list")
    return ["" if value is None else repr(value)[:100] for value in row]


def _kept(value: object) -> dict[str, str] | None:
    if value is None:
        return None
    kept = fields_of(value, f"{CHECKPOINT}: kept").values
    if not all(is_plain(name) and isinstance(digest, str) for name, digest in kept.items()):
        raise RecordError(f"{CHECKPOINT}: kept must be digests by name")
    return dict(kept)


def _digest(head: str, arrays: Arrays) -> str:
    digest = hashlib.sha256(head.encode())
    for name in sorted(arrays):
        array = np.asarray(arrays[name], order="C")
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
