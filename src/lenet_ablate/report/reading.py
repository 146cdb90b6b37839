"""Which studies a report is about, read from disk, and where it goes; what asks for something that is not there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lenet_ablate.config.checks import closest
from lenet_ablate.config.settings import REPORT_FOLDER
from lenet_ablate.errors import ConfigError, RecordError
from lenet_ablate.report.options import ReportOptions
from lenet_ablate.report.progress import watch
from lenet_ablate.report.study.collect import collect
from lenet_ablate.report.study.problems import left_out_lines, unreadable_lines
from lenet_ablate.report.study.sources import Source, find_sources
from lenet_ablate.report.study.study import Study, count_line

MAX_TOLD = 10


class NothingFinished(RecordError):
    """There is no run to report: none has finished, or none has what it is to be judged by."""


@dataclass(frozen=True)
class Found:
    """What a report is about.

    Attributes:
        studies: All of them, those without a finished run too.
        judged: Those with something to report.
        out: Folder of the report.
        is_alone: Whether one study was asked for by name, so that no list of studies stands above it.
        folders: Where the report of each of the judged ones goes, by the study's name.
        ignored: Why folders that were named are not among them, a sentence each.
    """

    studies: tuple[Study, ...]
    judged: tuple[Study, ...]
    out: Path
    is_alone: bool
    folders: dict[str, Path]
    ignored: tuple[str, ...] = ()


def read_studies(options: ReportOptions) -> Found:
    """Read the studies that are asked for.

    Raises:
        NothingFinished: There is nothing to report yet.
        ConfigError: An option names something that is not there.
    """
    sources, is_alone, ignored = _find(options)
    try:
        studies = collect(
            sources, lambda records, name: watch(records, f"reading {name}", "run"), options.criteria, options.where
        )
    except (RecordError, OSError) as error:
        raise NothingFinished(str(error)) from error
    finished = [study for study in studies if study.num_finished]
    if not finished:
        counts = "; ".join(f"{study.name}: {count_line(study)}" for study in studies) or "it holds no runs"
        known = [f"\n  {line}" for study in studies for line in unreadable_lines(study, MAX_TOLD)]
        known += [f"\n  {line}" for study in studies for line in left_out_lines(study, MAX_TOLD)]
        raise NothingFinished(f"{options.outputs}: nothing to report yet: {counts}{''.join(known)}")
    _check_factors(options.factors, finished)
    judged = [study for study in finished if any(map(is_judged, study.comparable))]
    if not judged:
        what = f"{options.criteria.asked}: no run has a validation split to go by"
        raise NothingFinished(f"{what}; leave it out, or train with data.val_size above 0")
    out = options.out or options.outputs / REPORT_FOLDER / options.selection
    # A study that was named has its place for itself; others may come beside any other.
    is_direct = is_alone and (options.out is not None or _is_study(options, studies))
    folders = {study.name: out if is_direct else out / study.name for study in judged}
    return Found(tuple(studies), tuple(judged), out, is_alone, folders, ignored)


def is_judged(study: Study) -> bool:
    """Whether a study, or part of one, has a finished run with the figure that it is to be judged by."""
    return study.num_finished > 0 and not study.lacks_validation


def _is_study(options: ReportOptions, studies: Sequence[Study]) -> bool:
    """Whether the folder named is a study's own, not one of studies."""
    return len(studies) == 1 and studies[0].folder.resolve() == options.outputs.resolve()


def _find(options: ReportOptions) -> tuple[list[Source], bool, tuple[str, ...]]:
    """The folders to read, whether they are one study that was asked for by name, and why others are left out."""
    sources: list[Source] = []
    ignored = []
    for outputs in options.folders or (options.outputs,):
        try:
            sources += find_sources(outputs)
        except (RecordError, OSError) as error:
            ignored.append(str(error))
    if not sources:
        raise NothingFinished("; ".join(ignored))
    once: dict[Path, Source] = {}
    for source in sources:
        once.setdefault(source.folder.resolve(), source)
    sources = list(once.values())
    names = list(dict.fromkeys(source.folder.name for source in sources))
    if options.study is None:
        is_study = len(sources) == 1 and sources[0].folder.resolve() == options.outputs.resolve()
        return sources, is_study, tuple(ignored)
    if options.study not in names:
        guess = closest(options.study, names)
        meant = f"; did you mean {guess}?" if guess else ""
        raise ConfigError(f"--study {options.study}: the studies are {', '.join(names)}{meant}")
    return [source for source in sources if source.folder.name == options.study], True, tuple(ignored)


def _check_factors(keys: Sequence[str], studies: Sequence[Study]) -> None:
    known = list(dict.fromkeys(factor.key for study in studies for one in study.comparable for factor in one.factors))
    for key in keys:
        if key not in known:
            told = ", ".join(known) or "none, since nothing varies"
            guess = closest(key, known)
            raise ConfigError(f"--factor {key}: the factors are {told}{f'; did you mean {guess}?' if guess else ''}")
