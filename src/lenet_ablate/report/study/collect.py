"""What a study holds, as frames: its runs, their epochs, and where each run stands on the factors."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from lenet_ablate.config.plan import identity, run_name, variant_id
from lenet_ablate.engines.networks import num_classes
from lenet_ablate.records.aside import find_aside
from lenet_ablate.records.frames import epochs_frame, runs_frame
from lenet_ablate.records.plans import Plans, SweepPlan, read_plans
from lenet_ablate.records.read import RunRecord, iter_records
from lenet_ablate.records.record import State
from lenet_ablate.records.result import RunResult
from lenet_ablate.rendering.escape import well_formed
from lenet_ablate.report.study.comparable import split
from lenet_ablate.report.study.conditions import select
from lenet_ablate.report.study.criteria import DEFAULT_CRITERIA, Condition, Criteria
from lenet_ablate.report.study.factors import REPLICATE, Factor, find_factors, fixed_settings
from lenet_ablate.report.study.sources import Source, conflicts, find_sources
from lenet_ablate.report.study.study import Study

FIGURES = ("train_loss_running", "test_accuracy")
ACCURACIES = ("val_accuracy", "best_val_accuracy")
DESIGN = ("run", "variant_id", REPLICATE, "status", "error", *FIGURES, *ACCURACIES, "wall_seconds")
ABOVE_CHANCE = 0.10  # always guessing the most frequent digit gives 0.1135 on MNIST's test set

Watch = Callable[[Iterable[RunRecord], str], Iterable[RunRecord]]


def collect(
    outputs: Path | Sequence[Source],
    watch: Watch = lambda records, _: records,
    criteria: Criteria = DEFAULT_CRITERIA,
    where: Sequence[Condition] = (),
) -> list[Study]:
    """The studies in a folder, in the order of their names; those without any run are left out.

    Folders of one name are one study, whose runs say in a column `origin` where they come from.

    Args:
        outputs: Folder of the studies, or one study; or the folders of studies, see `sources.find_sources`.
        watch: Wraps the iteration over a study's records, to show progress; also told the study's name.
        criteria: By what the levels are to be compared.
        where: Conditions that every run must meet; studies without such a run are left out.

    Raises:
        RecordError: The folder does not exist, or holds no runs.
        ConfigError: A condition names a setting or value that no run has.
    """
    sources = find_sources(outputs) if isinstance(outputs, Path) else outputs
    together: dict[str, list[Source]] = {}
    for source in sorted(sources, key=lambda source: source.folder.name):
        together.setdefault(source.folder.name, []).append(source)
    plans = [[read_plans(source.folder) for source in own] for own in together.values()]
    found = [
        [
            record
            for source, plan in zip(own, known, strict=True)
            for record in watch(iter_records(source.folder, plan.sweeps), source.folder.name)
        ]
        for own, known in zip(together.values(), plans, strict=True)
    ]
    has_origins = len({source.origin for source in sources}) > 1
    return [
        _study_of(own, records, criteria, known, has_origins)
        for own, records, known in zip(together.values(), select(found, where), plans, strict=True)
        if records
    ]


def _study_of(
    sources: Sequence[Source], records: Sequence[RunRecord], criteria: Criteria, plans: Sequence[Plans], named: bool
) -> Study:
    """The study that lies in these folders, each with its plans."""
    sweeps = sorted((sweep for own in plans for sweep in own.sweeps), key=lambda sweep: sweep.created)
    study = make_study(
        sources[0].folder,
        records,
        criteria,
        [sweep for place, sweep in enumerate(sweeps) if sweep not in sweeps[:place]],
    )
    found = dataclasses.replace(
        study,
        ignored_plans=tuple(reason for own in plans for reason in own.ignored),
        aside=tuple(name for source in sources for name in _aside(source.folder)),
    )
    return _with_origins(found, sources, records) if named else found


def _with_origins(study: Study, sources: Sequence[Source], records: Sequence[RunRecord]) -> Study:
    """The study, and its parts, with a column `origin` and each run's own folder."""
    kept, _ = _without_copies(records)
    homes = {well_formed(record.folder.name): record.folder for record in kept}
    origins = {source.folder: well_formed(source.origin) for source in sources}

    def named(one: Study) -> Study:
        column = [origins.get(homes[run].parent, "") for run in one.runs["run"]]
        runs = one.runs.copy()
        runs.insert(1, "origin", column)
        return dataclasses.replace(
            one, runs=runs, homes=homes, sources=tuple(source.folder for source in sources), parts=()
        )

    # What lies in several of the folders is no copy within one.
    within = [_without_copies([one for one in records if one.folder.parent == source.folder])[1] for source in sources]
    return dataclasses.replace(
        named(study),
        parts=tuple(map(named, study.parts)),
        copies=tuple(pair for pairs in within for pair in pairs),
        conflicts=tuple(conflicts(records, kept)),
    )


def _aside(folder: Path) -> tuple[str, ...]:
    return tuple(sorted(name for names in find_aside(folder).values() for name in names))


def make_study(
    folder: Path,
    records: Sequence[RunRecord],
    criteria: Criteria = DEFAULT_CRITERIA,
    sweeps: Sequence[SweepPlan] = (),
) -> Study:
    """The study that these records make up, with its parts."""
    kept, copies = _without_copies(records)
    whole = dataclasses.replace(_comparable_study(folder, kept, criteria), copies=copies, sweeps=tuple(sweeps))
    parts = [
        dataclasses.replace(
            _comparable_study(folder, part.records, criteria), sweeps=part.sweeps, part=part.title, place=part.folder
        )
        for part in split(kept, sweeps)
    ]
    return dataclasses.replace(whole, parts=tuple(parts))


def _comparable_study(folder: Path, kept: Sequence[RunRecord], criteria: Criteria) -> Study:
    """Runs that may not all be comparable, each once, as if they were."""
    configs = [record.config for record in kept if record.config]
    factors = find_factors(configs)
    runs = runs_frame(kept)
    epochs = epochs_frame(kept)[["run", "epoch", "step", "split", "metric", "value"]]
    fixed = fixed_settings(configs[0], factors) if configs else {}
    design = _design(runs, kept, factors, criteria)
    variants = {variant_id(config): config for config in configs}
    results = {well_formed(record.folder.name): record.result for record in kept if record.state.is_finished}
    fitted = criteria.fitted(float(design["num_images"].min()))
    return Study(well_formed(folder.name), folder, runs, epochs, factors, fixed, design, (), fitted, variants, results)


def _without_copies(records: Sequence[RunRecord]) -> tuple[list[RunRecord], tuple[tuple[str, str], ...]]:
    """A folder copied by hand must not count twice: of two alike a finished one counts, and then the original."""
    first: dict[str, RunRecord] = {}
    for record in sorted(records, key=_is_second_choice):
        if record.config:
            first.setdefault(identity(record.config), record)
    kept = [r for r in records if not r.config or first[identity(r.config)] is r]
    names = {r.folder.name for r in kept if r.config}
    # Of two folders of studies the same name may stand for a run in one and for a ruin in the other.
    unread = {r.folder.name: r for r in kept if not r.config and r.folder.name not in names}
    kept = [r for r in kept if r.config or unread.get(r.folder.name) is r]
    copies = [
        (r.folder.name, original.folder.name)
        for r in records
        if r.config and (original := first[identity(r.config)]) is not r
    ]
    return kept, tuple(copies)


def _curves(records: Sequence[RunRecord]) -> list[int]:
    """A number for each run, the same for runs whose every epoch is the same to the last bit; -1 without epochs."""
    known: dict[tuple[object, ...], int] = {(): -1}
    curves = (
        tuple((e.train_loss_running, e.val_loss, e.val_accuracy, e.test_loss, e.test_accuracy) for e in record.rows)
        for record in records
    )
    return [known.setdefault(curve, len(known)) for curve in curves]


def _test_share(result: RunResult) -> float:
    """Test images as a share of test and training images; NaN where not known."""
    if not result.num_test or not result.num_train:
        return np.nan
    return result.num_test / (result.num_test + result.num_train)


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
    design["test_share"] = [_test_share(record.result) for record in records if record.config]
    design["curve"] = _curves([record for record in records if record.config])
    figures = design[[*FIGURES, *ACCURACIES, "outcome"]].astype(float)
    design[figures.columns.tolist()] = figures
    is_done = design["status"] == State.done.value
    design["is_usable"] = is_done & np.isfinite(figures[[*FIGURES, "outcome"]].to_numpy()).all(axis=1)
    design["chance"] = np.array([1 / num_classes(config) for config in configs], dtype=float)
    least = design["chance"] + ABOVE_CHANCE
    design["is_collapsed"] = is_done & (figures["val_accuracy"].fillna(figures["test_accuracy"]) < least)
    for factor in factors:
        labels = [factor.label_of(config) for config in configs]
        design[factor.key] = pd.Categorical(labels, categories=factor.labels, ordered=True)
    keys = [factor.key for factor in factors]
    design["variant"] = [
        ", ".join(f"{key}={value}" for key, value in zip(keys, row, strict=True))
        for row in zip(*(design[key] for key in keys), strict=True)
    ] or [f"{config.model.name.value} on {config.data.name.value}" for config in configs]
    design = design.sort_values([*keys, REPLICATE], kind="stable").reset_index(drop=True)
    is_known = design["curve"] >= 0  # numbered anew, since the order of the records must not matter
    return design.assign(curve=np.where(is_known, pd.factorize(design["curve"])[0], -1))
