"""Everything that an unfinished run needs to go on exactly where it stopped, in one safetensors file."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from lenet_ablate.records.atomic import write_bytes
from lenet_ablate.records.record import CHECKPOINT, EpochRow

LOSSES = "losses"
STATE_PREFIX = "state/"

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Checkpoint:
    """A run between two steps.

    Attributes:
        stamp: What must be the same for a resume to be exact: identity, engine, device, data digest.
        steps_done: Updates made since the start of the run.
        seconds: Time spent in the epoch that is under way.
        wall_seconds: Time spent in the run.
        rows: The finished epochs.
        losses: (steps of the epoch under way,) float32, the batches' mean losses in nats.
        state: The learner's state by name.
    """

    stamp: Mapping[str, str]
    steps_done: int
    seconds: float
    wall_seconds: float
    rows: tuple[EpochRow, ...]
    losses: npt.NDArray[np.float32]
    state: Arrays


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
            "rows": [dataclasses.astuple(row) for row in checkpoint.rows],
        }
    )
    metadata = {"head": head, "sha256": _digest(head, arrays)}
    write_bytes(folder / CHECKPOINT, safetensors.numpy.save(arrays, metadata), flush=False)


def read_checkpoint(folder: Path, stamp: Mapping[str, str]) -> Checkpoint | None:
    """The run's checkpoint; None where there is none, it is damaged, or it was made under another stamp."""
    path = folder / CHECKPOINT
    if not path.is_file():
        return None
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        head = json.loads(metadata["head"])
        if metadata["sha256"] != _digest(metadata["head"], arrays) or head["stamp"] != dict(stamp):
            return None
    except (OSError, ValueError, KeyError, safetensors.SafetensorError):
        return None
    return Checkpoint(
        stamp=stamp,
        steps_done=head["steps_done"],
        seconds=head["seconds"],
        wall_seconds=head["wall_seconds"],
        rows=tuple(EpochRow(*row) for row in head["rows"]),
        losses=arrays.pop(LOSSES),
        state={name.removeprefix(STATE_PREFIX): array for name, array in arrays.items()},
    )


def _digest(head: str, arrays: Arrays) -> str:
    digest = hashlib.sha256(head.encode())
    for name in sorted(arrays):
        array = np.asarray(arrays[name], order="C")
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
