"""What `lenet-report` says: counts, tables, verdicts and paths on standard output, warnings on standard error."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from lenet_ablate.report.assemble import StudyReport
from lenet_ablate.report.collect import Study, count_line
from lenet_ablate.report.problems import problem_runs
from lenet_ablate.report.safe_text import one_line
from lenet_ablate.report.tables.markdown import TERMINAL_WIDTH, terminal_text

MAX_ROWS, MAX_PROBLEMS, MAX_NAMES = 40, 10, 12


def tell_study(study: Study, report: StudyReport | None) -> None:
    """Print how far a study is, its tables, and the verdict on each factor."""
    print(f"{one_line(study.name)}: {count_line(study)}\n")
    if report is None:
        return
    for factor in report.page.factors:
        print(terminal_text(factor.table))
        for sentence in [verdict.sentence for verdict in factor.verdicts] + [factor.advice] * bool(factor.advice):
            print(textwrap.fill(one_line(sentence, 0), TERMINAL_WIDTH, initial_indent="→ ", subsequent_indent="  "))
        print()
    variants = report.tables["variants"]
    if len(variants.rows) > MAX_ROWS:
        print("Variants: too many for a terminal; see variants.md\n")
    elif len(report.page.factors) != 1:
        print(terminal_text(variants))


def tell_files(out: Path, files: Iterable[str]) -> None:
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


def warn_of(studies: Sequence[Study], reports: Mapping[str, StudyReport]) -> None:
    """Print the runs that ended without final figures, with reason and folder, and what else weakens the tables."""
    sys.stdout.flush()
    for study in studies:
        problems = list(problem_runs(study).itertuples(index=False))
        for run, where, status, error in problems[:MAX_PROBLEMS]:
            _warn(f"{study.folder / run}{f' ({where})' if where else ''}: {status}{f': {error}' if error else ''}")
        if len(problems) > MAX_PROBLEMS:
            _warn(f"{study.name}: {len(problems) - MAX_PROBLEMS} more runs ended badly; see status in runs.csv")
        for copy, original in study.copies:
            _warn(f"{study.folder / copy}: is a copy of {original} and does not count")
        for warning in reports[study.name].page.warnings if study.name in reports else ():
            _warn(f"{study.name}: {warning}")


def _warn(text: str) -> None:
    print(f"lenet-report: warning: {one_line(text, limit=0)}", file=sys.stderr)
