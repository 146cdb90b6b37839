"""How often a study's results have been looked at and tested: each time, seeds were added after."""

from __future__ import annotations

from collections.abc import Sequence

from lenet_ablate.config.plan import variant_id
from lenet_ablate.records.plans import SweepPlan

MIN_SEEDS_TO_TEST = 2


def count_looks(sweeps: Sequence[SweepPlan]) -> int:
    """The number of the present look, from 1: one more than the sweeps that added seeds to what could be tested.

    A sweep that goes on with its own plan, repeats it, or adds settings alone is no further look: the plan, not the
    results, told how many seeds there are.

    Args:
        sweeps: The study's plans, the oldest first; see `records.plans.read_plans`.
    """
    known: dict[str, set[int]] = {}
    looks = 1
    for sweep in sweeps:
        seeds: dict[str, set[int]] = {}
        for run in sweep.runs:
            seeds.setdefault(variant_id(run.config), set()).add(run.config.seed)
        before = [(known.get(variant, set()), new) for variant, new in seeds.items()]
        looks += any(len(old) >= MIN_SEEDS_TO_TEST and new - old for old, new in before)
        for variant, new in seeds.items():
            known.setdefault(variant, set()).update(new)
    return looks
