"""`lenet-report`: from the folder of the studies to tables and figures."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NoReturn, TypeVar

from lenet_ablate import __version__
from lenet_ablate.errors import LenetAblateError, RecordError

OK, BAD, NOTHING, INTERRUPTED = 0, 1, 2, 130
REPORT_FOLDER = "report"
PROGRESS_AFTER_SECONDS = 2
EPILOG = """\
example:
  lenet-ablate -m lr=0.01,0.001 pool=max,avg seed=0,1,2
  lenet-report outputs/

exit status: 0 written, 1 bad option or nothing could be written, 2 no finished run
"""

_T = TypeVar("_T")


def main(argv: Sequence[str] | None = None) -> int:
    """Write the report and print its tables; returns the exit status."""
    options = _parser().parse_args(argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a console without ± still shows the figures
    try:
        return _report(Path(options.outputs), options.out, options.figures == "all")
    except LenetAblateError as error:
        print(f"lenet-report: {error}", file=sys.stderr)
        return BAD
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader of the tables has seen enough; every file is written by then
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(BAD, f"lenet-report: {message}; see lenet-report --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="lenet-report",
        description="Turn the runs of lenet-ablate into tables (CSV, Markdown) and loss curves (SVG, PNG).",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "outputs", nargs="?", default="outputs", help="folder of the studies, or one study (default: %(default)s)"
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help=f"where to write (default: {REPORT_FOLDER}/ in that folder)"
    )
    parser.add_argument(
        "--figures",
        choices=("summary", "all"),
        default="summary",
        help="summary: a figure per factor and one of all variants (default); all: also one per variant",
    )
    parser.add_argument("--version", action="version", version=f"lenet-report {__version__}")
    return parser


def _report(outputs: Path, out: Path | None, every_variant: bool) -> int:
    from lenet_ablate.report.assemble import assemble
    from lenet_ablate.report.collect import collect, count_line
    from lenet_ablate.report.index import index_page
    from lenet_ablate.report.terminal import tell_files, tell_study, warn_of
    from lenet_ablate.report.write import write_report

    try:
        studies = collect(outputs, lambda records, name: _watch(records, f"reading {name}", "run"))
    except (RecordError, OSError) as error:
        print(f"lenet-report: {error}", file=sys.stderr)
        return NOTHING
    finished = [study for study in studies if study.num_finished]
    if not finished:
        counts = "; ".join(f"{study.name}: {count_line(study)}" for study in studies) or "it holds no runs"
        print(f"lenet-report: {outputs}: nothing to report yet: {counts}", file=sys.stderr)
        return NOTHING
    out = out or outputs / REPORT_FOLDER
    reports = {
        study.name: assemble(study, every_variant, lambda names: _watch(names, "drawing", "figure"))
        for study in finished
    }
    files = next(iter(reports.values())).files
    if len(studies) > 1:
        files = {f"{name}/{path}": data for name, report in reports.items() for path, data in report.files.items()}
        files["index.md"] = index_page(studies).encode()
    write_report(out, files)
    for study in studies:
        tell_study(study, reports[study.name].tables if study in finished else ())
    tell_files(out, files)
    warn_of(studies)
    sys.stdout.flush()
    return OK


def _watch(items: Iterable[_T], what: str, unit: str) -> Iterable[_T]:
    """The items, with a progress bar where it takes long and someone is there to see it."""
    from tqdm import tqdm

    bar: Iterable[_T] = tqdm(items, desc=what, unit=unit, delay=PROGRESS_AFTER_SECONDS, leave=False, disable=None)
    return bar
