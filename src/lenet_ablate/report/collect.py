"""What a study holds, as frames: its runs, their epochs, and where each run stands on the factors."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lenet_ablate.config import RunConfig
from lenet_ablate.engines.networks import num_classes
from lenet_ablate.frames import epochs_frame, find_studies, runs_frame
from lenet_ablate.plan import identity, run_name, variant_id
from lenet_ablate.records import State
from lenet_ablate.report.criteria import DEFAULT_CRITERIA, Criteria
from lenet_ablate.report.factors import REPLICATE, Factor, find_factors, fixed_settings
from lenet_ablate.report.options import Condition
from lenet_ablate.report.parts import split
from lenet_ablate.report.where import select
from lenet_ablate.runs import RunRecord, iter_records, read_sweeps

FIGURES = ("train_loss_running", "test_accuracy")
DESIGN = ("run", "variant_id", REPLICATE, "status", "error", *FIGURES, "val_accuracy", "wall_seconds")
ABOVE_CHANCE = 0.10  # always guessing the most frequent digit gives 0.1135 on MNIST's test set

Watch = Callable[[Iterable[RunRecord], str], Iterable[RunRecord]]


@dataclass(frozen=True)
class Study:
    """One study as found on disk.

    Attributes:
        name: Name of its folder.
        folder: Where its runs lie.
        runs: One row per run; see `frames.read_runs`.
        epochs: Columns run, epoch (from 1), step (updates so far), split, metric, value; one row per figure.
        factors: The settings that vary.
        fixed: The settings that do not, in words by key.
        design: One row per run whose settings could be read: DESIGN, `outcome` (the accuracy by which levels are
            compared, 0..1; see `Criteria.column`), `num_images` (that it is a share of; NaN where not known),
            `is_usable` (done, with finite final figures), `is_collapsed` (done near chance level; stays usable),
            `variant` (its levels in words, or model and data where nothing varies) and an ordered categorical column
            of labels per factor; sorted by these, then by seed.
        copies: Folders that hold a run a second time, with the folder that counts.
        criteria: By what the levels are compared.
        configs: A configuration of each variant, by variant_id; the seed is one of several.
        results: Content of each finished run's result.json, by run.
        sweeps: The plans of its sweeps, the oldest first; see `runs.read_sweeps`.
        part: What tells these runs from the study's others, `data=digits`; empty where they are the whole study.
        place: The part as a folder's name.
        parts: The parts, where not all runs can be compared; what is said of the whole is then said of none of them.
    """

    name: str
    folder: Path
    runs: pd.DataFrame
    epochs: pd.DataFrame
    factors: tuple[Factor, ...]
    fixed: Mapping[str, str]
    design: pd.DataFrame
    copies: tuple[tuple[str, str], ...]
    criteria: Criteria = DEFAULT_CRITERIA
    configs: Mapping[str, RunConfig] = field(default_factory=dict)
    results: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    sweeps: tuple[Mapping[str, Any], ...] = ()
    part: str = ""
    place: str = ""
    parts: tuple[Study, ...] = ()

    @property
    def title(self) -> str:
        """The study's name, and the part."""
        return f"{self.name}: {self.part}" if self.part else self.name

    @property
    def comparable(self) -> tuple[Study, ...]:
        """Its parts, or itself where all runs can be compared."""
        return self.parts or (self,)

    @property
    def lacks_validation(self) -> bool:
        """Whether it is to be judged by validation and no finished run has a validation split."""
        done = self.design[self.design["status"] == State.done.value]
        return self.criteria.needs_validation and len(done) > 0 and bool(done["val_accuracy"].isna().all())

    @property
    def num_finished(self) -> int:
        """Runs that have their result, diverged ones too."""
        return sum(State(status).is_finished for status in self.runs["status"])


def collect(
    outputs: Path,
    watch: Watch = lambda records, _: records,
    criteria: Criteria = DEFAULT_CRITERIA,
    where: Sequence[Condition] = (),
) -> list[Study]:
    """The studies in a folder, in the order of their names; those without any run are left out.

    Args:
        outputs: Folder of the studies, or one study.
        watch: Wraps the iteration over a study's records, to show progress; also told the study's name.
        criteria: By what the levels are to be compared.
        where: Conditions that every run must meet; studies without such a run are left out.

    Raises:
        RecordError: The folder does not exist, or holds no runs.
        ConfigError: A condition names a setting or value that no run has.
    """
    found = {folder: list(watch(iter_records(folder), folder.name)) for folder in find_studies(outputs)}
    kept = select(list(found.values()), where)
    studies = zip(found, kept, strict=True)
    return [make_study(folder, records, criteria, read_sweeps(folder)) for folder, records in studies if records]


def make_study(
    folder: Path,
    records: Sequence[RunRecord],
    criteria: Criteria = DEFAULT_CRITERIA,
    sweeps: Sequence[Mapping[str, Any]] = (),
) -> Study:
    """The study that these records make up, with its parts."""
    kept, copies = _without_copies(records)
    whole = dataclasses.replace(_make_one(folder, kept, criteria), copies=copies, sweeps=tuple(sweeps))
    parts = [
        dataclasses.replace(
            _make_one(folder, part.records, criteria), sweeps=part.sweeps, part=part.title, place=part.folder
        )
        for part in split(kept, sweeps)
    ]
    return dataclasses.replace(whole, parts=tuple(parts))


def _make_one(folder: Path, kept: Sequence[RunRecord], criteria: Criteria) -> Study:
    """Runs that may not all be comparable, each once, as if they were."""
    configs = [record.config for record in kept if record.config]
    factors = find_factors(configs)
    runs = runs_frame(kept)
    epochs = epochs_frame(kept)[["run", "epoch", "step", "split", "metric", "value"]]
    fixed = fixed_settings(configs[0], factors) if configs else {}
    design = _design(runs, kept, factors, criteria)
    variants = {variant_id(config): config for config in configs}
    results = {record.folder.name: record.result for record in kept if record.result}
    return Study(folder.name, folder, runs, epochs, factors, fixed, design, (), criteria, variants, results)


def count_line(study: Study) -> str:
    """How far the study is: `12 of 16 runs finished (2 running, 1 failed, 1 planned)`."""
    counts = study.runs["status"].value_counts()
    open_states = [state for state in State if not state.is_finished and state.value in counts.index]
    rest = ", ".join(f"{counts[state.value]} {state.value}" for state in open_states)
    diverged = int(counts.get(State.diverged.value, 0))
    return (
        f"{study.num_finished} of {len(study.runs)} run{'s' if len(study.runs) != 1 else ''} finished"
        + (f", {diverged} of them diverged" if diverged else "")
        + (f" ({rest})" if rest else "")
    )


def _without_copies(records: Sequence[RunRecord]) -> tuple[list[RunRecord], tuple[tuple[str, str], ...]]:
    """A folder copied by hand must not count twice: of two alike a finished one counts, and then the original."""
    first: dict[str, RunRecord] = {}
    for record in sorted(records, key=_is_second_choice):
        if record.config:
            first.setdefault(identity(record.config), record)
    kept = [r for r in records if not r.config or first[identity(r.config)] is r]
    copies = [
        (r.folder.name, first[identity(r.config)].folder.name)
        for r in records
        if r.config and first[identity(r.config)] is not r
    ]
    return kept, tuple(copies)


def _is_second_choice(record: RunRecord) -> tuple[bool, bool]:
    renamed = record.config is not None and record.folder.name != run_name(record.config)
    return not record.state.is_finished, renamed


def _design(
    runs: pd.DataFrame, records: Sequence[RunRecord], factors: Sequence[Factor], criteria: Criteria
) -> pd.DataFrame:
    readable = [record.config is not None for record in records]
    configs = [record.config for record in records if record.config]
    design = runs.loc[readable, list(DESIGN)].reset_index(drop=True)
    design["outcome"] = runs.loc[readable, criteria.column].to_numpy(dtype=float, na_value=np.nan)
    design["num_images"] = runs.loc[readable, criteria.images_column].to_numpy(dtype=float, na_value=np.nan)
    figures = design[[*FIGURES, "val_accuracy", "outcome"]].astype(float)
    design[figures.columns.tolist()] = figures
    is_done = design["status"] == State.done.value
    design["is_usable"] = is_done & np.isfinite(figures[[*FIGURES, "outcome"]].to_numpy()).all(axis=1)
    least = np.array([1 / num_classes(config) + ABOVE_CHANCE for config in configs])
    design["is_collapsed"] = is_done & (figures["val_accuracy"].fillna(figures["test_accuracy"]) < least)
    for factor in factors:
        labels = [factor.label_of(config) for config in configs]
        design[factor.key] = pd.Categorical(labels, categories=factor.labels, ordered=True)
    keys = [factor.key for factor in factors]
    design["variant"] = [
        ", ".join(f"{key}={value}" for key, value in zip(keys, row, strict=True))
        for row in zip(*(design[key] for key in keys), strict=True)
    ] or [f"{config.model.name.value} on {config.data.name.value}" for config in configs]
    return design.sort_values([*keys, REPLICATE], kind="stable").reset_index(drop=True)
