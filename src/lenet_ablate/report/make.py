"""A study's report in its folder: made part by part, and left alone where it would be the same again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from lenet_ablate.datasets.load import data_folder
from lenet_ablate.report.analysis.study import analyse
from lenet_ablate.report.answers import read_answers
from lenet_ablate.report.assemble import PAGE, StudyReport, assemble, only_factors
from lenet_ablate.report.collect import Study
from lenet_ablate.report.extras import read_extras
from lenet_ablate.report.figures.boundary_pictures import boundaries_of_sets
from lenet_ablate.report.figures.gallery import Extras, Gallery, gallery
from lenet_ablate.report.freshness import fingerprint
from lenet_ablate.report.front import front_files
from lenet_ablate.report.options import ReportOptions
from lenet_ablate.report.origins import find_origins
from lenet_ablate.report.published import published_frame
from lenet_ablate.report.write import is_current, refuse_foreign, report_digests, write_report

PROGRESS_AFTER_SECONDS = 2

_T = TypeVar("_T")


@dataclass(frozen=True)
class Made:
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


def make_report(study: Study, options: ReportOptions, folder: Path, may_replace: bool) -> Made:
    """A study's report, written to a folder unless it is there; a part has a folder of its own in it.

    Args:
        study: One with a finished run.
        options: What is asked for.
        folder: Where it lies.
        may_replace: Whether other files of the same names may be replaced.
    """
    if not study.parts:
        return _make_one(study, options, folder, may_replace)
    parts = [part for part in study.parts if is_judged(part)]
    if not may_replace:
        refuse_foreign(folder, [PAGE, *(f"{part.place}/{PAGE}" for part in parts)])
    made = {part.place: _make_one(part, options, folder / part.place, may_replace) for part in parts}
    reports = {title: report for one in made.values() for title, report in one.reports.items()}
    plain = front_files(study, reports, {})
    made_from = fingerprint(study, plain, Extras(), options.every_variant)
    files = [f"{place}/{path}" for place, one in made.items() for path in one.files]
    if not files and not options.is_forced and is_current(folder, made_from):
        return Made(reports, (), is_unchanged=True)
    front = front_files(study, reports, dict(boundaries_of_sets(study)))
    written = {f"{place}/{path}": sha for place in made for path, sha in report_digests(folder / place).items()}
    write_report(folder, front, made_from=made_from, beside=written)
    return Made(reports, tuple(sorted([*files, *front])), is_unchanged=False)


def _make_one(study: Study, options: ReportOptions, folder: Path, may_replace: bool) -> Made:
    """The report of runs that can all be compared."""
    data_dir = data_folder(options.data_dir)
    answers = read_answers(study, data_dir)
    analysis = only_factors(analyse(study, answers, study.sweeps), options.factors)
    references = published_frame(study.sweeps, study.configs.values())
    extras = read_extras(study, analysis.best_variant, answers, data_dir, references)
    shown = gallery(study, analysis, extras, options.every_variant)
    origins = find_origins(study, study.sweeps)
    plain = assemble(study, analysis, origins, Gallery({}, shown.left_out), references)
    made_from = fingerprint(study, plain.files, extras, options.every_variant)
    if not options.is_forced and is_current(folder, made_from):
        return Made({study.title: plain}, (), is_unchanged=True)
    if not may_replace:
        refuse_foreign(folder, plain.files)
    told = f"drawing {study.title}"
    report = assemble(study, analysis, origins, shown, references, lambda names: watch(names, told, "figure"))
    write_report(folder, report.files, made_from=made_from)
    return Made({study.title: report}, tuple(sorted(report.files)), is_unchanged=False)


def watch(items: Iterable[_T], what: str, unit: str) -> Iterable[_T]:
    """The items, with a progress bar where it takes long and someone is there to see it."""
    from tqdm import tqdm

    bar: Iterable[_T] = tqdm(items, desc=what, unit=unit, delay=PROGRESS_AFTER_SECONDS, leave=False, disable=None)
    return bar
