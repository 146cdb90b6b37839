"""What a reader must know of a table or figure, in sentences: protocol, n, what is averaged over, what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lenet_ablate.rendering.escape import one_line
from lenet_ablate.report.study.comparison import Comparison
from lenet_ablate.report.study.factors import REPLICATE, Factor
from lenet_ablate.report.study.problems import problem_runs
from lenet_ablate.report.study.study import Study, count_line

LOSS_MEANING = "Training loss: mean over the batches of the last epoch, in nats per image."
_VERBS = {"unreadable": "cannot be read", "done": "is done"}
_LEAD = ("model", "data", "epochs")
MAX_LISTED = 3


def factor_caption(study: Study, comparison: Comparison, loss: bool = True) -> str:
    """Model, epochs, n, what is averaged over and what is held fixed, for a factor's table.

    Args:
        study: The study.
        comparison: The runs that are compared.
        loss: Whether the table shows the training loss, whose meaning is then told.
    """
    levels = _levels_used(comparison)
    fixed = {**study.fixed, **{key: used[0] for key, used in levels.items() if len(used) == 1}}
    seeds, own = seeds_used(comparison), _seeds_per_level(comparison)
    averaged = averaged_over(comparison)
    how = [
        f"mean ± SD over {'each level’s own seeds' if len(set(own)) > 1 else 'seeds'}" if max(own) > 1 else "",
        f"{'each seed ' if len(seeds) > 1 else ''}averaged over {averaged}" if averaged else "",
    ]
    fewest, most = min(own), max(own)
    num = _plural(most, "seed") if fewest == most else f"{fewest} to {most} seeds"
    count = f"n = {num}" + (f" ({_ranges(seeds)})" if seeds else "")
    return _sentences(_join(_lead(fixed), count), _join(*how), _held_fixed(fixed), LOSS_MEANING if loss else "")


def variants_caption(study: Study, seeds: Sequence[int]) -> str:
    """Model, epochs, n and what is held fixed, for the table of variants with so many finished seeds each."""
    fewest, most = min(seeds), max(seeds)
    count = f"n = {_plural(most, 'seed')} each" if fewest == most else f"n = {fewest} to {most} seeds"
    spread = "mean ± SD over each variant's own seeds" if most > 1 else ""
    return _sentences(_join(_lead(study.fixed), count), spread, _held_fixed(study.fixed), LOSS_MEANING)


def factor_notes(comparison: Comparison) -> list[str]:
    """What is missing in a factor's table, and what its schedules' names mean."""
    factor, empty, num_used = comparison.factor, comparison.empty_levels, len(comparison.runs)
    notes = []
    if empty:
        without = f"; the other levels are compared without {'it' if len(empty) == 1 else 'them'}" if num_used else ""
        names = _listed([f"{factor.key}={label}" for label in empty])
        notes.append(f"{names} {'has' if len(empty) == 1 else 'have'} no run with final figures{without}.")
    if not num_used and comparison.num_usable:
        others = _listed(comparison.others)
        notes.append(f"No combination of {others} has a run at every level, so there is no mean; see the variants.")
    left_out = comparison.combinations_left_out if num_used else []
    if left_out:
        rest = f"; {len(left_out) - MAX_LISTED} more" if len(left_out) > MAX_LISTED else ""
        shown = "; ".join(left_out[:MAX_LISTED]) + rest
        notes.append(f"Left out of the means, so that every level is averaged over the same: {shown}.")
    notes += [f"{label} trained as {other} did, to the last bit." for label, other in comparison.alike.items()]
    return [*notes, *schedule_notes([factor])]


def study_notes(study: Study) -> list[str]:
    """What holds for all tables of a study: one seed only, runs still open, runs left out."""
    notes = [single_seed_note(study)]
    notes += [f"{count_line(study)}."] if study.num_finished < len(study.runs) else []
    notes += [f"Left out: {line}" for line in problem_lines(study)]
    return [note for note in notes if note]


def single_seed_note(study: Study) -> str:
    """A warning where no variant has a second finished run; else empty."""
    usable = study.design[study.design["is_usable"]]
    if usable.empty or usable["variant_id"].duplicated().any():
        return ""
    return "One seed per variant: a difference may be chance; add seeds, for example seed=0,1,2."


def problem_lines(study: Study) -> list[str]:
    """A line for each run that ended without final figures: run (its levels, seed), status, error."""
    return [
        one_line(run)
        + (f" ({one_line(where)})" if where else "")
        + f" {_VERBS.get(status, status)}"
        + (f": {one_line(error)}" if error else "")
        for run, where, status, error in problem_runs(study).itertuples(index=False)
    ]


def averaged_over(comparison: Comparison) -> str:
    """The other factors of which several levels enter: `pool (max, avg) and batch_size (32, 64)`; may be empty."""
    levels = _levels_used(comparison)
    return _listed([f"{key} ({', '.join(used)})" for key, used in levels.items() if len(used) > 1])


def _seeds_per_level(comparison: Comparison) -> list[int]:
    """How many seeds each level has that has any."""
    runs = comparison.runs
    counts = runs.groupby(comparison.factor.key, observed=True)[REPLICATE].nunique()
    return [int(count) for count in counts] or [0]


def seeds_used(comparison: Comparison) -> list[int]:
    """The seeds that enter, sorted."""
    return sorted(int(seed) for seed in comparison.runs[REPLICATE].unique())


def schedule_notes(factors: Sequence[Factor]) -> list[str]:
    """What the names of learning-rate schedules stand for."""
    return [f"{level.label} = {level.meaning}." for factor in factors for level in factor.levels if level.meaning]


def _levels_used(comparison: Comparison) -> dict[str, list[str]]:
    runs = comparison.runs
    return {
        key: [str(level) for level in runs[key].cat.remove_unused_categories().cat.categories]
        for key in comparison.others
    }


def _lead(fixed: Mapping[str, str]) -> str:
    told = [f"{key} {fixed[key]}" for key in ("model", "data") if key in fixed]
    if "epochs" in fixed:
        told.append(f"{fixed['epochs']} epoch" if fixed["epochs"] == "1" else f"{fixed['epochs']} epochs")
    return _join(*told)


def _held_fixed(fixed: Mapping[str, str]) -> str:
    told = [f"{key}={value}" for key, value in fixed.items() if key not in _LEAD]
    return f"held fixed: {', '.join(told)}" if told else ""


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _join(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _sentences(*parts: str) -> str:
    return " ".join(part[0].upper() + part[1:].rstrip(".") + "." for part in parts if part)


def _ranges(numbers: Sequence[int]) -> str:
    """`0–4, 7` for 0, 1, 2, 3, 4, 7."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(", ".join(map(str, run)) if len(run) < 3 else f"{run[0]}–{run[-1]}" for run in runs)
