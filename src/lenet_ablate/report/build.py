"""From a folder of studies to their report on disk: what `lenet-report` and `report=true` do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from lenet_ablate.checks import closest
from lenet_ablate.datasets.load import data_folder
from lenet_ablate.errors import ConfigError, RecordError
from lenet_ablate.frames import find_studies
from lenet_ablate.records import State
from lenet_ablate.report.analysis.study import analyse
from lenet_ablate.report.answers import read_answers
from lenet_ablate.report.assemble import StudyReport, assemble, only_factors
from lenet_ablate.report.collect import Study, collect, count_line
from lenet_ablate.report.extras import read_extras
from lenet_ablate.report.figures.gallery import Gallery, gallery
from lenet_ablate.report.freshness import fingerprint
from lenet_ablate.report.index import index_page
from lenet_ablate.report.options import REPORT_FOLDER, ReportOptions
from lenet_ablate.report.origins import find_origins
from lenet_ablate.report.page.content import without_key
from lenet_ablate.report.page.render import Entry, render_index
from lenet_ablate.report.published import published_frame
from lenet_ablate.report.write import MANIFEST, is_current, refuse_foreign, report_digests, write_report
from lenet_ablate.runs import read_sweeps

PROGRESS_AFTER_SECONDS = 2
PAGE, INDEX = "index.html", "index.md"

_T = TypeVar("_T")


@dataclass(frozen=True)
class Built:
    """A report that stands on disk.

    Attributes:
        out: Its folder.
        page: The page to look at first.
        files: Every file of it that was written just now, relative to its folder.
        studies: What it is about, those without a finished run too.
        reports: By the study's name; those with a finished run.
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
    out = options.out or options.outputs / REPORT_FOLDER / options.selection
    if len(studies) == 1:
        out = out if is_only_one or options.out else out / studies[0].name
        return _write_one(out, studies[0], options)
    return _write_several(out, studies, finished, options)


def _write_one(out: Path, study: Study, options: ReportOptions) -> Built:
    made = _make(study, options, out, may_replace=_may_replace(out, options))
    files = () if made.is_unchanged else tuple(sorted(made.report.files))
    unchanged = frozenset({study.name} if made.is_unchanged else ())
    return Built(out, out / PAGE, files, (study,), {study.name: made.report}, {study.name: out / PAGE}, unchanged)


def _write_several(out: Path, studies: Sequence[Study], finished: Sequence[Study], options: ReportOptions) -> Built:
    may_replace = _may_replace(out, options)
    if not may_replace:
        refuse_foreign(out, [INDEX, PAGE, *(f"{study.name}/{PAGE}" for study in finished)])
    made = {study.name: _make(study, options, out / study.name, may_replace) for study in watch(finished, "", "study")}
    reports = {name: one.report for name, one in made.items()}
    index = {
        INDEX: index_page(studies).encode(),
        PAGE: render_index([_entry(study, reports.get(study.name)) for study in studies]),
    }
    written = {f"{name}/{path}": digest for name in made for path, digest in report_digests(out / name).items()}
    write_report(out, index, beside=written)
    unchanged = frozenset(name for name, one in made.items() if one.is_unchanged)
    files = [*index, *(f"{name}/{path}" for name in reports.keys() - unchanged for path in reports[name].files)]
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
    """There is no finished run to report."""


def watch(items: Iterable[_T], what: str, unit: str) -> Iterable[_T]:
    """The items, with a progress bar where it takes long and someone is there to see it."""
    from tqdm import tqdm

    bar: Iterable[_T] = tqdm(items, desc=what, unit=unit, delay=PROGRESS_AFTER_SECONDS, leave=False, disable=None)
    return bar


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
    known = list(dict.fromkeys(factor.key for study in studies for factor in study.factors))
    for key in keys:
        if key not in known:
            told = ", ".join(known) or "none, since nothing varies"
            guess = closest(key, known)
            raise ConfigError(f"--factor {key}: the factors are {told}{f'; did you mean {guess}?' if guess else ''}")


@dataclass(frozen=True)
class _Made:
    """A study's report on disk; where that stood already, `report` has no figures."""

    report: StudyReport
    is_unchanged: bool


def _make(study: Study, options: ReportOptions, folder: Path, may_replace: bool) -> _Made:
    """A study's report, written to a folder unless it is there."""
    sweeps = read_sweeps(study.folder)
    data_dir = data_folder(options.data_dir)
    answers = read_answers(study, data_dir)
    analysis = only_factors(analyse(study, answers, sweeps), options.factors)
    references = published_frame(sweeps)
    extras = read_extras(study, analysis.best_variant, answers, data_dir, references)
    shown = gallery(study, analysis, extras, options.every_variant)
    origins = find_origins(study, sweeps)
    plain = assemble(study, analysis, origins, Gallery({}, shown.left_out), references)
    made_from = fingerprint(study, plain.files, extras, options.every_variant)
    if not options.is_forced and is_current(folder, made_from):
        return _Made(plain, is_unchanged=True)
    if not may_replace:
        refuse_foreign(folder, plain.files)
    told = f"drawing {study.name}"
    report = assemble(study, analysis, origins, shown, references, lambda names: watch(names, told, "figure"))
    write_report(folder, report.files, made_from=made_from)
    return _Made(report, is_unchanged=False)


def _entry(study: Study, report: StudyReport | None) -> Entry:
    if report is None:
        return Entry(study.name, "", count_line(study), ())
    answers = tuple(
        (factor.key, tuple(without_key(factor.key, verdict.sentence) for verdict in factor.headline))
        for factor in report.page.factors
    )
    return Entry(study.name, f"{quote(study.name, safe='')}/{PAGE}", report.page.lead, answers)
