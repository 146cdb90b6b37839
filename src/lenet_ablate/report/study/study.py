"""One study as data: its runs, their epochs, and where each run stands on the factors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from lenet_ablate.config.settings import RunConfig
from lenet_ablate.records.plans import SweepPlan
from lenet_ablate.records.record import State
from lenet_ablate.records.result import RunResult
from lenet_ablate.report.study.criteria import DEFAULT_CRITERIA, Criteria
from lenet_ablate.report.study.factors import Factor


@dataclass(frozen=True)
class Study:
    """One study as found on disk.

    Attributes:
        name: Name of its folder.
        folder: Where its runs lie.
        runs: One row per run; see `records.frames.read_runs`.
        epochs: Columns run, epoch (from 1), step (updates so far), split, metric, value; one row per figure.
        factors: The settings that vary.
        fixed: The settings that do not, in words by key.
        design: One row per run whose settings could be read: DESIGN, `outcome` (the accuracy by which levels are
            compared, 0..1; see `Criteria.column`), `num_images` (that it is a share of; NaN where not known),
            `test_share` (test images as a share of test and training images, 0..1; NaN where not known),
            `chance` (the accuracy of guessing, 0..1), `curve` (a number, the same for runs whose every epoch is the
            same to the last bit; -1 without epochs), `is_usable` (done, with finite final figures), `is_collapsed`
            (done near chance level; stays usable),
            `variant` (its levels in words, or model and data where nothing varies) and an ordered categorical column
            of labels per factor; sorted by these, then by seed.
        copies: Folders that hold a run a second time, with the folder that counts.
        criteria: By what the levels are compared.
        configs: A configuration of each variant, by variant_id; the seed is one of several.
        results: What each finished run came to, by run.
        sweeps: The plans of its sweeps, the oldest first; see `records.plans.read_plans`.
        ignored_plans: Why a file among them could not be read, in a sentence each.
        aside: Folders of damaged runs that were set aside and do not count.
        part: What tells these runs from the study's others, `data=digits`; empty where they are the whole study.
        place: The part as a folder's name.
        sources: Its folders, where runs of several are reported together; empty where there is `folder` alone.
        homes: The folder of each run that does not lie in `folder`, by the run's name.
        conflicts: What the sources contradict each other in, in a sentence each.
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
    results: Mapping[str, RunResult] = field(default_factory=dict)
    sweeps: tuple[SweepPlan, ...] = ()
    ignored_plans: tuple[str, ...] = ()
    aside: tuple[str, ...] = ()
    part: str = ""
    place: str = ""
    parts: tuple[Study, ...] = ()
    sources: tuple[Path, ...] = ()
    homes: Mapping[str, Path] = field(default_factory=dict)
    conflicts: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The study's name, and the part."""
        return f"{self.name}: {self.part}" if self.part else self.name

    def run_folder(self, run: str) -> Path:
        """Where a run lies."""
        return self.homes.get(run, self.folder / run)

    def config_of(self, variant: str) -> RunConfig | None:
        """The settings of a variant, with any seed; None where its runs tell none."""
        own = self.design.loc[self.design["variant"] == variant, "variant_id"]
        return self.configs.get(str(own.iloc[0])) if len(own) else None

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
