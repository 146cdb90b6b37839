"""From a folder of studies to their report on disk: what `lenet-report` and `report=true` do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from lenet_ablate.config.checks import closest
from lenet_ablate.config.settings import REPORT_FOLDER
from lenet_ablate.datasets.load import data_folder
from lenet_ablate.errors import ConfigError, RecordError
from lenet_ablate.records.read import find_studies
from lenet_ablate.records.record import State
from lenet_ablate.report.analysis.analyse import analyse
from lenet_ablate.report.assemble import PAGE, StudyReport, assemble, only_factors
from lenet_ablate.report.figures.boundary_gallery import boundaries_of_sets
from lenet_ablate.report.figures.gallery import FigureInputs, Gallery, gallery
from lenet_ablate.report.figures.inputs import read_figure_inputs
from lenet_ablate.report.fingerprint import fingerprint
from lenet_ablate.report.options import ReportOptions
from lenet_ablate.report.overview import INDEX, entry_of, index_page, overview_files
from lenet_ablate.report.page.html import Overview, render_overview
from lenet_ablate.report.study.collect import collect
from lenet_ablate.report.study.predictions import read_predictions
from lenet_ablate.report.study.provenance import find_provenance
from lenet_ablate.report.study.published import published_frame
from lenet_ablate.report.study.study import Study, count_line
from lenet_ablate.report.write import MANIFEST, is_current, refuse_foreign, report_digests, write_report


@dataclass(frozen=True)
class BuiltReport:
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


def build_report(options: ReportOptions) -> BuiltReport:
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


def _write_one(out: Path, study: Study, options: ReportOptions) -> BuiltReport:
    made = build_study_report(study, options, out, _may_replace(out, options))
    unchanged = frozenset({study.name} if made.is_unchanged else ())
    return BuiltReport(out, out / PAGE, made.files, (study,), made.reports, {study.name: out / PAGE}, unchanged)


def _write_several(out: Path, studies: Sequence[Study], judged: Sequence[Study], options: ReportOptions) -> BuiltReport:
    may_replace = _may_replace(out, options)
    if not may_replace:
        refuse_foreign(out, [INDEX, PAGE, *(f"{study.name}/{PAGE}" for study in judged)])
    made = {
        study.name: build_study_report(study, options, out / study.name, may_replace)
        for study in watch(judged, "", "study")
    }
    reports = {title: report for one in made.values() for title, report in one.reports.items()}
    index = {
        INDEX: index_page(studies).encode(),
        PAGE: render_overview(Overview(tuple(entry_of(study, reports) for study in studies))),
    }
    written = {f"{name}/{path}": digest for name in made for path, digest in report_digests(out / name).items()}
    write_report(out, index, beside=written)
    unchanged = frozenset(name for name, one in made.items() if one.is_unchanged)
    files = [*index, *(f"{name}/{path}" for name, one in made.items() for path in one.files)]
    pages = {name: out / name / PAGE for name in made}
    return BuiltReport(out, out / PAGE, tuple(sorted(files)), tuple(studies), reports, pages, unchanged)


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


PROGRESS_AFTER_SECONDS = 2

_T = TypeVar("_T")


@dataclass(frozen=True)
class BuiltStudy:
    """A study's report on disk.

    Attributes:
        reports: By title of the study, or of its parts; of what stood there already without figures.
        files: Paths of what was written just now, relative to the study's folder.
        is_unchanged: Whether all of it stood there already.
    """

    reports: dict[str, StudyReport]
    files: tuple[str, ...]
    is_unchanged: bool


def is_judged(study: Study) -> bool:
    """Whether a study, or part of one, has a finished run with the figure that it is to be judged by."""
    return study.num_finished > 0 and not study.lacks_validation


def build_study_report(study: Study, options: ReportOptions, folder: Path, may_replace: bool) -> BuiltStudy:
    """A study's report, written to a folder unless it is there; a part has a folder of its own in it.

    Args:
        study: One with a finished run.
        options: What is asked for.
        folder: Where it lies.
        may_replace: Whether other files of the same names may be replaced.
    """
    if not study.parts:
        return _build_comparable(study, options, folder, may_replace)
    parts = [part for part in study.parts if is_judged(part)]
    if not may_replace:
        refuse_foreign(folder, [PAGE, *(f"{part.place}/{PAGE}" for part in parts)])
    made = {part.place: _build_comparable(part, options, folder / part.place, may_replace) for part in parts}
    reports = {title: report for one in made.values() for title, report in one.reports.items()}
    plain = overview_files(study, reports, {})
    made_from = fingerprint(study, plain, FigureInputs(), options.every_variant)
    files = [f"{place}/{path}" for place, one in made.items() for path in one.files]
    if not files and not options.is_forced and is_current(folder, made_from):
        return BuiltStudy(reports, (), is_unchanged=True)
    front = overview_files(study, reports, dict(boundaries_of_sets(study)))
    written = {f"{place}/{path}": sha for place in made for path, sha in report_digests(folder / place).items()}
    write_report(folder, front, made_from=made_from, beside=written)
    return BuiltStudy(reports, tuple(sorted([*files, *front])), is_unchanged=False)


def _build_comparable(study: Study, options: ReportOptions, folder: Path, may_replace: bool) -> BuiltStudy:
    """The report of runs that can all be compared."""
    data_dir = data_folder(options.data_dir)
    predictions = read_predictions(study, data_dir)
    analysis = only_factors(analyse(study, predictions, study.sweeps), options.factors)
    references = published_frame(study.sweeps, study.configs.values())
    figure_inputs = read_figure_inputs(study, analysis.best_variant, predictions, data_dir, references)
    shown = gallery(study, analysis, figure_inputs, options.every_variant)
    provenance = find_provenance(study, study.sweeps)
    plain = assemble(study, analysis, provenance, Gallery({}, shown.left_out), references)
    made_from = fingerprint(study, plain.files, figure_inputs, options.every_variant)
    if not options.is_forced and is_current(folder, made_from):
        return BuiltStudy({study.title: plain}, (), is_unchanged=True)
    if not may_replace:
        refuse_foreign(folder, plain.files)
    told = f"drawing {study.title}"
    report = assemble(study, analysis, provenance, shown, references, lambda names: watch(names, told, "figure"))
    write_report(folder, report.files, made_from=made_from)
    return BuiltStudy({study.title: report}, tuple(sorted(report.files)), is_unchanged=False)


def watch(items: Iterable[_T], what: str, unit: str) -> Iterable[_T]:
    """The items, with a progress bar where it takes long and someone is there to see it."""
    from tqdm import tqdm

    bar: Iterable[_T] = tqdm(items, desc=what, unit=unit, delay=PROGRESS_AFTER_SECONDS, leave=False, disable=None)
    return bar
