"""What `lenet-report` says: counts, tables, verdicts and paths on standard output, warnings on standard error."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from lenet_ablate.records.plans import SWEEPS
from lenet_ablate.rendering.escape import one_line
from lenet_ablate.report.assemble import StudyReport
from lenet_ablate.report.build import BuiltReport
from lenet_ablate.report.figures.text import plural
from lenet_ablate.report.overview import part_reasons
from lenet_ablate.report.study.factors import REPLICATE
from lenet_ablate.report.study.problems import problem_runs
from lenet_ablate.report.study.study import Study, count_line
from lenet_ablate.report.tables.markdown import TERMINAL_WIDTH, terminal_text

MAX_ROWS, MAX_PROBLEMS, MAX_NAMES, MAX_ASIDE = 40, 10, 12, 3


def tell(built: BuiltReport, with_tables: bool = False) -> None:
    """Print what was found and where it is: of one study its tables, of several a few lines each.

    Args:
        built: The report.
        with_tables: Whether the tables of several studies are printed too.
    """
    is_brief = len(built.studies) > 1 and not with_tables
    for study in built.studies:
        if is_brief:
            _tell_briefly(study, built.reports)
        else:
            _tell_study(study, built.reports)
        if study.name in built.pages and len(built.studies) > 1:
            print(f"  {'unchanged' if study.name in built.unchanged else 'written'}: {built.pages[study.name]}\n")
    if len(built.studies) > 1:
        print(f"all studies: {built.page}")
    elif built.unchanged:
        print(f"unchanged: {built.studies[0].name} ({built.page}); --force makes it again")
    else:
        _tell_files(built.out, built.files)
    sys.stdout.flush()
    for study in built.studies:
        _warn_of(study, built.reports, built.pages.get(study.name) if is_brief else None)


def _tell_briefly(study: Study, reports: Mapping[str, StudyReport]) -> None:
    usable = study.design.loc[study.design["is_usable"], REPLICATE]
    seeds = f", {plural(usable.nunique(), 'seed')}" if len(usable) else ""
    print(f"{one_line(study.name)}: {count_line(study)}{seeds}{f', {len(study.parts)} parts' if study.parts else ''}")
    known = [reports[one.title] for one in study.comparable if one.title in reports]
    for report in known:
        for factor in report.page.factors if not study.parts else ():
            for verdict in factor.headline:
                _tell_sentence(factor.line(verdict.sentence), "  ", "    ")
        if report.page.best:
            _tell_sentence(report.page.best, "  ", "    ")
    if not known:
        print()


def _tell_study(study: Study, reports: Mapping[str, StudyReport]) -> None:
    """Print how far a study is, its tables, the verdict on each factor and the best setting; part by part."""
    print(f"{one_line(study.title)}: {count_line(study)}\n")
    for sentence in part_reasons(study):
        _tell_sentence(sentence, "→ ", "  ")
    if study.parts:
        print()
    for part in study.parts:
        _tell_study(part, reports)
    if study.title in reports:
        _tell_report(reports[study.title])


def _tell_report(report: StudyReport) -> None:
    for factor in report.page.factors:
        print(terminal_text(factor.table))
        for sentence in [verdict.sentence for verdict in factor.verdicts] + [factor.advice] * bool(factor.advice):
            _tell_sentence(factor.line(sentence), "→ ", "  ")
        print()
    if report.page.best:
        _tell_sentence(report.page.best, "→ ", "  ")
        print()
    variants = report.tables["variants"]
    if len(variants.rows) > MAX_ROWS:
        print("Variants: too many for a terminal; see variants.md\n")
    elif len(report.page.factors) != 1:
        print(terminal_text(variants))


def _tell_sentence(sentence: str, first: str, other: str) -> None:
    print(textwrap.fill(one_line(sentence, 0), TERMINAL_WIDTH, initial_indent=first, subsequent_indent=other))


def _tell_files(out: Path, files: Iterable[str]) -> None:
    """Print what was written where: `figures/  loss_lr.{png,svg}`."""
    print(f"written to {out}:")
    folders: dict[str, dict[str, list[str]]] = {}
    for name in sorted(files):
        path = PurePosixPath(name)
        folders.setdefault(str(path.parent), {}).setdefault(path.stem, []).append(path.suffix[1:])
    for folder, stems in folders.items():
        names = [
            stem + (f".{{{','.join(kinds)}}}" if len(kinds) > 1 else f".{kinds[0]}") for stem, kinds in stems.items()
        ]
        rest = f" … {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
        print(f"  {'' if folder == '.' else folder + '/  '}{' '.join(names[:MAX_NAMES])}{rest}")


def _warn_of(study: Study, reports: Mapping[str, StudyReport], page: Path | None) -> None:
    """Print the runs that ended without final figures, with reason and folder, and what else weakens the tables.

    Args:
        study: The study.
        reports: By title of the study, or of its part; those with a finished run.
        page: Where all of this can be read too, so that its number will do; None where it is to be printed.
    """
    _tell_left_out(study)
    problems = list(problem_runs(study).itertuples(index=False))
    warnings = [
        f"{one.title}: {warning}"
        for one in study.comparable
        for warning in (reports[one.title].page.warnings if one.title in reports else _left_out(one))
    ]
    if page and len(problems) + len(study.copies) + len(warnings) > 1:
        counts = [plural(len(problems), "run") + " without final figures"] * bool(problems)
        counts += [plural(len(warnings), "warning")] * bool(warnings)
        counts += [plural(len(study.copies), "copied folder")] * bool(study.copies)
        _warn(f"{study.name}: {', '.join(counts)}; see {page}")
        return
    for run, where, status, error in problems[:MAX_PROBLEMS]:
        _warn(f"{study.folder / run}{f' ({where})' if where else ''}: {status}{f': {error}' if error else ''}")
    if len(problems) > MAX_PROBLEMS:
        _warn(f"{study.name}: {len(problems) - MAX_PROBLEMS} more runs ended badly; see status in runs.csv")
    for copy, original in study.copies[:MAX_PROBLEMS]:
        _warn(f"{study.folder / copy}: is a copy of {original} and does not count")
    if len(study.copies) > MAX_PROBLEMS:
        _warn(f"{study.name}: {len(study.copies) - MAX_PROBLEMS} more folders are copies and do not count")
    for warning in warnings:
        _warn(warning)


def _tell_left_out(study: Study) -> None:
    """Print what lies in the study's folder and is no part of the report: folders set aside, plans that are none."""
    if study.aside:
        were = "folder was" if len(study.aside) == 1 else "folders were"
        shown = ", ".join(study.aside[:MAX_ASIDE]) + (", …" if len(study.aside) > MAX_ASIDE else "")
        _warn(f"{study.folder}: {len(study.aside)} {were} set aside: {shown}")
    for reason in study.ignored_plans[:MAX_ASIDE]:
        _warn(f"{study.folder / SWEEPS}: {reason}; this plan is ignored")
    if len(study.ignored_plans) > MAX_ASIDE:
        _warn(f"{study.folder / SWEEPS}: {len(study.ignored_plans) - MAX_ASIDE} more plans are ignored")


def _left_out(study: Study) -> list[str]:
    if not study.num_finished:
        return []
    return [f"left out: no run has a validation split, which {study.criteria.asked} goes by"]


def _warn(text: str) -> None:
    print(f"lenet-report: warning: {one_line(text, limit=0)}", file=sys.stderr)
