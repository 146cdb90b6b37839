"""The runs that a command is about: those of some studies, at a glance, each with its row."""

from __future__ import annotations

import contextlib
import datetime
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lenet_ablate.config.checks import closest
from lenet_ablate.errors import ConfigError, RecordError
from lenet_ablate.records.archive import ARCHIVE
from lenet_ablate.records.glance import glance, iter_glances
from lenet_ablate.records.read import RunRecord, find_studies, run_folders
from lenet_ablate.records.record import RESULT, STATUS, EpochRow, State
from lenet_ablate.records.result import EpochFigures
from lenet_ablate.records.rows import run_row
from lenet_ablate.rendering.escape import one_line, well_formed

PROGRESS_FROM = 3000  # runs whose reading takes more than a second or two


@dataclass(frozen=True)
class Entry:
    """One run.

    Attributes:
        study: The study's folder.
        record: The run at a glance.
        is_archived: Whether it is put away.
    """

    study: Path
    record: RunRecord
    is_archived: bool = False

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.record.folder.name

    @property
    def label(self) -> str:
        """What it is called in a sentence: study and name."""
        return one_line(f"{self.study.name}/{self.name}")

    @property
    def last(self) -> EpochRow | EpochFigures:
        """The figures of its last epoch."""
        return self.record.rows[-1] if self.record.rows else self.record.result.final

    @cached_property
    def changed(self) -> float:
        """When its training ended, else when its state last changed, in seconds since 1970; minus infinity before it
        has begun. (Short runs are called finished together, so their states change at one moment.)
        """
        for name in (RESULT, STATUS) if self.record.state.is_finished else (STATUS,):
            with contextlib.suppress(OSError):
                return os.stat(f"{self.record.folder}{os.sep}{name}").st_mtime  # noqa: PTH116
        return -math.inf

    @cached_property
    def row(self) -> dict[str, Any]:
        """Its columns, those of runs.csv first."""
        changed = self.changed
        when = datetime.datetime.fromtimestamp(changed, datetime.UTC) if math.isfinite(changed) else None
        row = run_row(self.record) | {
            "study": well_formed(self.study.name),
            "folder": well_formed(str(self.record.folder)),
            "changed": when.isoformat(timespec="seconds") if when else None,
        }
        return {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in row.items()}


def collect(outputs: Sequence[Path], study: str | None = None, *, archived: bool = False) -> list[Entry]:
    """The runs of all studies in some folders, study by study.

    Args:
        outputs: Folders of studies, or studies.
        study: Only the studies of this name.
        archived: The runs in the archives instead.

    Raises:
        RecordError: A folder does not exist, or holds no runs.
        ConfigError: There is no such study.
    """
    entries = []
    for folder in studies_in(outputs, study):
        if archived:
            entries += [Entry(folder, glance(path), True) for path in run_folders(folder / ARCHIVE)]
        else:
            entries += [Entry(folder, record) for record in iter_glances(folder, _watch)]
    return entries


def studies_in(outputs: Sequence[Path], study: str | None = None) -> list[Path]:
    """The folders of the studies, each once; see `collect`."""
    found: dict[Path, Path] = {}
    for place in outputs:
        for folder in find_studies(place):
            with contextlib.suppress(OSError, RuntimeError):
                found.setdefault(folder.resolve(), folder)
    names = list(dict.fromkeys(folder.name for folder in found.values()))
    if study is not None and study not in names:
        guess = closest(study, names)
        told = ", ".join(map(one_line, names))
        raise ConfigError(f"{one_line(study)}: the studies are {told}{f'; did you mean {guess}?' if guess else ''}")
    return [folder for folder in found.values() if study in (None, folder.name)]


def pick(entries: Sequence[Entry], word: str) -> Entry:
    """The one run that a word means: a part of `study/run`, its folder, or @last, @best, @failed.

    Raises:
        RecordError: There is none.
        ConfigError: There are several.
    """
    if word.startswith("@"):
        return _special(entries, word)
    exact = [entry for entry in entries if word in (entry.name, f"{entry.study.name}/{entry.name}")]
    if not exact and (os.sep in word or word.startswith(".")):
        with contextlib.suppress(OSError, RuntimeError):
            folder = Path(word).resolve()
            exact = [entry for entry in entries if entry.record.folder.resolve() == folder]
    found = exact or [entry for entry in entries if word and word in f"{entry.study.name}/{entry.name}"]
    if not found:
        guess = closest(word, [entry.name for entry in entries])
        raise RecordError(f"{one_line(word)}: no run is called so{f'; did you mean {guess}?' if guess else ''}")
    if len(found) > 1:
        shown = "".join(f"\n  {entry.label}" for entry in found[:10])
        more = f"\n  … {len(found) - 10} more" if len(found) > 10 else ""
        raise ConfigError(f"{one_line(word)}: {len(found)} runs are called so; give more of the name:{shown}{more}")
    return found[0]


def _special(entries: Sequence[Entry], word: str) -> Entry:
    begun = sorted((entry for entry in entries if math.isfinite(entry.changed)), key=lambda entry: -entry.changed)
    if word == "@last":
        found = begun
    elif word == "@failed":
        found = [entry for entry in begun if entry.record.state in (State.failed, State.unreadable)]
    elif word == "@best":
        found = sorted((entry for entry in begun if entry.record.state is State.done), key=_rank)
    else:
        raise ConfigError(f"{one_line(word)}: is none of @last, @best, @failed")
    if not found:
        raise RecordError(f"{word}: there is no such run")
    return found[0]


def _rank(entry: Entry) -> tuple[bool, float, str]:
    """The better, the smaller: by validation accuracy; behind all others, by test accuracy, those without one."""
    final = entry.last
    figure = final.test_accuracy if final.val_accuracy is None else final.val_accuracy
    return final.val_accuracy is None, -(figure or 0.0), entry.name


def _watch(folders: Iterable[Path]) -> Iterator[Path]:
    listed = list(folders)
    if len(listed) < PROGRESS_FROM:
        yield from listed
        return
    from tqdm import tqdm

    yield from tqdm(listed, desc="reading", unit="run", delay=1, leave=False, disable=None)
