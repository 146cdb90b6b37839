"""What `lenet-report` says: counts, tables and paths on standard output, warnings on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from lenet_ablate.report.collect import Study, count_line
from lenet_ablate.report.problems import problem_runs
from lenet_ablate.report.safe_text import one_line
from lenet_ablate.report.tables.captions import single_seed_note
from lenet_ablate.report.tables.markdown import Rendered

NEVER_ALIKE = ("model", "data", "epochs")

MAX_ROWS, MAX_PROBLEMS, MAX_NAMES = 40, 10, 12


def tell_study(study: Study, tables: Sequence[Rendered]) -> None:
    """Print how far a study is, and its tables."""
    print(f"{one_line(study.name)}: {count_line(study)}\n")
    for table in tables:
        if table.table.count("\n") - 1 > MAX_ROWS:
            print(f"{table.title}: too many for a terminal; see {table.title.lower()}.md\n")
        else:
            print(table.brief())


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


def warn_of(studies: Sequence[Study]) -> None:
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
        mixed = [factor.title for factor in study.factors if factor.key in NEVER_ALIKE]
        if mixed and len(study.factors) > 1:
            _warn(
                f"{study.name}: {' and '.join(mixed)} vary, so tables of other factors average over unlike runs; "
                "study=NAME keeps experiments apart"
            )
        if note := single_seed_note(study):
            _warn(f"{study.name}: {note[0].lower()}{note[1:-1]}")


def _warn(text: str) -> None:
    print(f"lenet-report: warning: {one_line(text, limit=0)}", file=sys.stderr)
