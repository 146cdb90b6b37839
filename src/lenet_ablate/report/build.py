"""From a folder of studies to their report on disk: what `lenet-report` and `report=true` do.

Everything is read and analysed first, and told; then everything is drawn, side by side; then it is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lenet_ablate.datasets.load import data_folder
from lenet_ablate.records.atomic import make_folder
from lenet_ablate.rendering.plotting import import_matplotlib
from lenet_ablate.report.assemble import PAGE, StudyReport, assemble, with_figures
from lenet_ablate.report.findings import Findings, find
from lenet_ablate.report.options import ReportOptions
from lenet_ablate.report.overview import INDEX, entry_of, index_page, overview_files
from lenet_ablate.report.page.html import Overview, render_overview
from lenet_ablate.report.progress import watch, working
from lenet_ablate.report.reading import Found, is_judged, read_studies
from lenet_ablate.report.study.provenance import find_provenance
from lenet_ablate.report.study.study import Study
from lenet_ablate.report.write import MANIFEST, is_current, refuse_foreign, report_digests, write_report

if TYPE_CHECKING:  # what is found is told before anything that draws is imported
    from lenet_ablate.report.figures.drawing import Key
    from lenet_ablate.report.figures.gallery import FigureInputs, Gallery
    from lenet_ablate.report.figures.image import Image
    from lenet_ablate.report.figures.picture import Draw
    from lenet_ablate.report.figures.processes import Helpers


@dataclass(frozen=True)
class Told:
    """What is known before anything is drawn.

    Attributes:
        studies: What the report is about, those without a finished run too.
        findings: By title of the study, or of its part; those with a finished run.
        pages: By the study's name, where its page will be.
        ignored: Why folders that were named are not among them, a sentence each.
    """

    studies: tuple[Study, ...]
    findings: Mapping[str, Findings]
    pages: Mapping[str, Path]
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True)
class BuiltReport:
    """A report that stands on disk.

    Attributes:
        out: Its folder.
        page: The page to look at first.
        files: Every file of it that was written just now, relative to its folder.
        told: What it is about.
        unchanged: Names of the studies whose report stood there already.
    """

    out: Path
    page: Path
    files: tuple[str, ...]
    told: Told
    unchanged: frozenset[str]


@dataclass(frozen=True)
class _Laid:
    """What runs that can all be compared will be shown by, and what that needs."""

    findings: Findings
    inputs: FigureInputs
    shown: Gallery

    @property
    def study(self) -> Study:
        return self.findings.study


@dataclass(frozen=True)
class _Draft:
    """Their report before its figures are drawn."""

    plain: StudyReport
    study: Study
    folder: Path
    pictures: Mapping[str, Draw]
    made_from: str
    is_current: bool


def build_report(options: ReportOptions, tell: Callable[[Told], None] = lambda told: None) -> BuiltReport:
    """Write the report of a folder of studies; a study's report that would be the same again stays as it is.

    Args:
        options: What is asked for.
        tell: Told what was found as soon as it is known, before anything is drawn.

    Raises:
        NothingFinished: There is nothing to report yet.
        LenetAblateError: An option names something that is not there, or the report cannot be written.
    """
    found = read_studies(options)
    _refuse_foreign(found, options)
    parts = [part for study in found.judged for part in study.comparable if is_judged(part)]
    findings = {}
    for part in watch(parts, "", "study"):
        with working(f"analysing {part.title}, {len(part.design)} runs"):
            findings[part.title] = find(part, data_folder(options.data_dir), options.factors)
    told = Told(found.studies, findings, {name: folder / PAGE for name, folder in found.folders.items()}, found.ignored)
    tell(told)
    import_matplotlib()
    files, unchanged = _write_studies(found, findings, options)
    if found.is_alone:
        (folder,) = found.folders.values()
        return BuiltReport(folder, folder / PAGE, files, told, unchanged)
    index = _write_index(found, findings)
    page = found.out / PAGE if len(found.studies) > 1 else told.pages[found.judged[0].name]
    return BuiltReport(found.out, page, tuple(sorted([*files, *index])), told, unchanged)


def _refuse_foreign(found: Found, options: ReportOptions) -> None:
    """Nothing is told of a report that cannot be written, as into a folder of somebody else's files."""
    make_folder(found.out)
    if options.out is None or (found.out / MANIFEST).exists():
        return
    names = [PAGE] if found.is_alone else [INDEX, PAGE, *(f"{study.name}/{PAGE}" for study in found.judged)]
    refuse_foreign(found.out, names)


def _write_studies(
    found: Found, findings: Mapping[str, Findings], options: ReportOptions
) -> tuple[tuple[str, ...], frozenset[str]]:
    """Draw and write what is not there yet; gives paths within the report's folder, and whose report stood there."""
    from lenet_ablate.report.figures.processes import seldom_collected, started

    with working("laying out figures"):
        laid = {title: _lay_out(one, options) for title, one in findings.items()}
    with seldom_collected(), started(sum(len(one.shown.pictures) for one in laid.values())) as helpers:
        with working("laying out tables"):
            drafts = {title: _draft(one, found.folders[one.study.name], options) for title, one in laid.items()}
        fronts = {study.name: _front(study, findings, drafts, found, options) for study in found.judged}
        stale = {title: draft for title, draft in drafts.items() if not draft.is_current}
        pictures = {(title, name): draw for title, draft in stale.items() for name, draw in draft.pictures.items()}
        pictures |= {(of, name): draw for of, front in fronts.items() if front for name, draw in front.pictures.items()}
        images = _draw(pictures, options, helpers)
    files, base = [], found.folders[found.judged[0].name] if found.is_alone else found.out
    for title, draft in watch(list(stale.items()), "writing", "study"):
        own = [image for (of, _), image in images.items() if of == title]
        report = with_figures(draft.plain, own)
        write_report(draft.folder, report.files, made_from=draft.made_from)
        files += [(draft.folder / path).relative_to(base).as_posix() for path in report.files]
    for study in found.judged:
        front = fronts[study.name]
        if front:
            written = _write_front(study, findings, found.folders[study.name], front, images)
            files += [(found.folders[study.name] / path).relative_to(base).as_posix() for path in written]
    made = {draft.study.name for draft in stale.values()} | {name for name, front in fronts.items() if front}
    return tuple(sorted(files)), frozenset(found.folders.keys() - made)


def _lay_out(findings: Findings, options: ReportOptions) -> _Laid:
    from lenet_ablate.report.figures.gallery import gallery
    from lenet_ablate.report.figures.inputs import read_figure_inputs

    study, analysis = findings.study, findings.analysis
    data_dir = data_folder(options.data_dir)
    inputs = read_figure_inputs(study, analysis.best_variant, findings.predictions, data_dir, findings.references)
    return _Laid(findings, inputs, gallery(study, analysis, inputs, options.every_variant))


def _draft(laid: _Laid, folder: Path, options: ReportOptions) -> _Draft:
    from lenet_ablate.report.fingerprint import fingerprint

    study = laid.study
    plain = assemble(laid.findings, find_provenance(study, study.sweeps), laid.shown.left_out)
    made_from = fingerprint(study, plain.files, laid.inputs, options.every_variant, options.formats)
    own = folder / study.place if study.part else folder
    if options.out is not None and not (own / MANIFEST).exists():
        refuse_foreign(own, plain.files)
    is_same = not options.is_forced and is_current(own, made_from)
    return _Draft(plain, study, own, laid.shown.pictures, made_from, is_same)


@dataclass(frozen=True)
class _Front:
    """The page above a study's parts, which is to be written."""

    made_from: str
    pictures: Mapping[str, Draw]


def _front(
    study: Study, findings: Mapping[str, Findings], drafts: Mapping[str, _Draft], found: Found, options: ReportOptions
) -> _Front | None:
    """None of a study without parts, and where the front stands there already as it would be made."""
    if not study.parts:
        return None
    from lenet_ablate.report.figures.boundary_gallery import boundaries_of_sets
    from lenet_ablate.report.figures.gallery import FigureInputs
    from lenet_ablate.report.fingerprint import fingerprint

    own = {part.title: drafts[part.title] for part in study.parts if part.title in drafts}
    plain = overview_files(study, findings, ())
    made_from = fingerprint(study, plain, FigureInputs(), options.every_variant, options.formats)
    are_current = all(draft.is_current for draft in own.values())
    if are_current and not options.is_forced and is_current(found.folders[study.name], made_from):
        return None
    return _Front(made_from, dict(boundaries_of_sets(study)))


def _draw(pictures: Mapping[Key, Draw], options: ReportOptions, helpers: Helpers) -> dict[Key, Image]:
    from lenet_ablate.report.figures.drawing import draw_all

    return draw_all(pictures, options.formats, lambda keys: watch(keys, "drawing", "figure"), helpers)


def _write_front(
    study: Study, findings: Mapping[str, Findings], folder: Path, front: _Front, images: Mapping[Key, Image]
) -> Sequence[str]:
    own = [image for (of, _), image in images.items() if of == study.name]
    files = overview_files(study, findings, own)
    places = [part.place for part in study.parts if part.title in findings]
    written = {f"{place}/{path}": sha for place in places for path, sha in report_digests(folder / place).items()}
    write_report(folder, files, made_from=front.made_from, beside=written)
    return list(files)


def _write_index(found: Found, findings: Mapping[str, Findings]) -> Sequence[str]:
    """The list of all studies above their folders."""
    index = {
        INDEX: index_page(found.studies).encode(),
        PAGE: render_overview(Overview(tuple(entry_of(study, findings) for study in found.studies))),
    }
    written = {
        f"{name}/{path}": digest
        for name, folder in found.folders.items()
        for path, digest in report_digests(folder).items()
    }
    write_report(found.out, index, beside=written)
    return list(index)
