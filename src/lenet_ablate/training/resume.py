"""Whether a run's checkpoint is one that its learner can go on from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lenet_ablate.config.plan import RunPlan
from lenet_ablate.engines.base import State
from lenet_ablate.records.checkpoint import Checkpoint, read_checkpoint

LOSSES_BYTES = 64 << 20  # of the epoch under way
MOMENTS = 3  # arrays that an update rule keeps for each weight, at most


def usable_checkpoint(folder: Path, stamp: Mapping[str, str], plan: RunPlan, own: State) -> Checkpoint | None:
    """The checkpoint in a run's folder; None where there is none, or it is none of this plan and learner.

    Args:
        folder: The run's folder.
        stamp: What it must have been made under; see `Checkpoint`.
        plan: The run's plan.
        own: The state of the run's learner at step 0.
    """
    most = LOSSES_BYTES + (1 + MOMENTS) * sum(array.nbytes for array in own.values())
    checkpoint = read_checkpoint(folder, stamp, most)
    return checkpoint if checkpoint and _has_place(checkpoint, plan) and _has_state(checkpoint.state, own) else None


def _has_place(checkpoint: Checkpoint, plan: RunPlan) -> bool:
    epochs, steps = divmod(checkpoint.steps_done, plan.steps_per_epoch)
    return epochs < plan.config.epochs and (epochs, steps) == (len(checkpoint.rows), len(checkpoint.losses))


def _has_state(state: State, own: State) -> bool:
    """Whether arrays are a learner's; some of its grow as it learns, each in the shape of its weights."""
    shapes = {name.partition("/")[2]: array.shape for name, array in own.items()}
    return all(
        name in state and (state[name].dtype, state[name].shape) == (array.dtype, array.shape)
        for name, array in own.items()
    ) and all(array.shape in ((), shapes.get(name.partition("/")[2])) for name, array in state.items())
