"""From a folder of studies to their report on disk: what `lenet-report` and `report=true` do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lenet_ablate.checks import closest
from lenet_ablate.errors import ConfigError, RecordError
from lenet_ablate.frames import find_studies
from lenet_ablate.records import State
from lenet_ablate.report.assemble import PAGE, StudyReport
from lenet_ablate.report.collect import Study, collect, count_line
from lenet_ablate.report.front import INDEX, entry_of
from lenet_ablate.report.index import index_page
from lenet_ablate.report.make import is_judged, make_report, watch
from lenet_ablate.report.options import REPORT_FOLDER, ReportOptions
from lenet_ablate.report.page.render import Front, render_index
from lenet_ablate.report.write import MANIFEST, refuse_foreign, report_digests, write_report


@dataclass(frozen=True)
class Built:
    """A report that stands on disk.

    Attributes:
        out: Its folder.
        page: The page to look at first.
        files: Every file of it that was written just now, relative to its folder.
        studies: What it is about, those without a finished run too.
        reports: By title of the study, or of its part; those with a finished run.
        pages: By the study's name, its page.
        unchanged: Names of the studies whose report stood there already.
    """

    out: Path
    page: Path
    files: tuple[str, ...]
    studies: tuple[Study, ...]
    reports: dict[str, StudyReport]
    pages: dict[str, Path]
    unchanged: frozenset[str]


def build_report(options: ReportOptions) -> Built:
    """Write the report of a folder of studies; a study's report that would be the same again stays as it is.

    Raises:
        NothingFinished: There is nothing to report yet.
        LenetAblateError: An option names something that is not there, or the report cannot be written.
    """
    outputs, is_only_one = _find(options)
    try:
        studies = collect(
            outputs, lambda records, name: watch(records, f"reading {name}", "run"), options.criteria, options.where
        )
    except (RecordError, OSError) as error:
        raise NothingFinished(str(error)) from error
    finished = [study for study in studies if study.num_finished]
    if not finished:
        counts = "; ".join(f"{study.name}: {count_line(study)}" for study in studies) or "it holds no runs"
        first = next((line for study in studies for line in _unreadable(study)), "")
        raise NothingFinished(f"{outputs}: nothing to report yet: {counts}{first}")
    _check_factors(options.factors, finished)
    judged = [study for study in finished if any(map(is_judged, study.comparable))]
    if not judged:
        what = f"{options.criteria.asked}: no run has a validation split to go by"
        raise NothingFinished(f"{what}; leave it out, or train with data.val_size above 0")
    out = options.out or options.outputs / REPORT_FOLDER / options.selection
    if len(studies) == 1:
        out = out if is_only_one or options.out else out / studies[0].name
        return _write_one(out, studies[0], options)
    return _write_several(out, studies, judged, options)


def _write_one(out: Path, study: Study, options: ReportOptions) -> Built:
    made = make_report(study, options, out, _may_replace(out, options))
    unchanged = frozenset({study.name} if made.is_unchanged else ())
    return Built(out, out / PAGE, made.files, (study,), made.reports, {study.name: out / PAGE}, unchanged)


def _write_several(out: Path, studies: Sequence[Study], judged: Sequence[Study], options: ReportOptions) -> Built:
    may_replace = _may_replace(out, options)
    if not may_replace:
        refuse_foreign(out, [INDEX, PAGE, *(f"{study.name}/{PAGE}" for study in judged)])
    made = {
        study.name: make_report(study, options, out / study.name, may_replace) for study in watch(judged, "", "study")
    }
    reports = {title: report for one in made.values() for title, report in one.reports.items()}
    index = {
        INDEX: index_page(studies).encode(),
        PAGE: render_index(Front(tuple(entry_of(study, reports) for study in studies))),
    }
    written = {f"{name}/{path}": digest for name in made for path, digest in report_digests(out / name).items()}
    write_report(out, index, beside=written)
    unchanged = frozenset(name for name, one in made.items() if one.is_unchanged)
    files = [*index, *(f"{name}/{path}" for name, one in made.items() for path in one.files)]
    pages = {name: out / name / PAGE for name in made}
    return Built(out, out / PAGE, tuple(sorted(files)), tuple(studies), reports, pages, unchanged)


def _may_replace(out: Path, options: ReportOptions) -> bool:
    """Whether the folder is for reports alone: one of its own, or one where a report stands already."""
    return options.out is None or (out / MANIFEST).exists()


def _unreadable(study: Study) -> Iterator[str]:
    runs = study.runs[study.runs["status"] == State.unreadable.value]
    for run, error in zip(runs["run"], runs["error"], strict=True):
        yield f"\n  {study.folder / str(run)}: {error}; the same lenet-ablate command trains it again"


class NothingFinished(RecordError):
    """There is no run to report: none has finished, or none has what it is to be judged by."""


def _find(options: ReportOptions) -> tuple[Path, bool]:
    """The folder to read, and whether it is all that there is."""
    if options.study is None:
        return options.outputs, True
    try:
        names = [folder.name for folder in find_studies(options.outputs)]
    except (RecordError, OSError) as error:
        raise NothingFinished(str(error)) from error
    if options.study not in names:
        guess = closest(options.study, names)
        meant = f"; did you mean {guess}?" if guess else ""
        raise ConfigError(f"--study {options.study}: the studies are {', '.join(names)}{meant}")
    is_one = (options.outputs / options.study).is_dir()
    return (options.outputs / options.study if is_one else options.outputs), len(names) == 1


def _check_factors(keys: Sequence[str], studies: Sequence[Study]) -> None:
    known = list(dict.fromkeys(factor.key for study in studies for one in study.comparable for factor in one.factors))
    for key in keys:
        if key not in known:
            told = ", ".join(known) or "none, since nothing varies"
            guess = closest(key, known)
            raise ConfigError(f"--factor {key}: the factors are {told}{f'; did you mean {guess}?' if guess else ''}")
