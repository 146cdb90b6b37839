"""`lenet-report`: from the folder of the studies to verdicts, tables, figures and a page."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from lenet_ablate.config.home import lend_temporary_folder
from lenet_ablate.errors import LenetAblateError
from lenet_ablate.rendering.streams import with_safe_streams
from lenet_ablate.report.options import BAD, Display, ReportOptions, parse_options

OK, NOTHING, INTERRUPTED = 0, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Write the report and print what was found; returns the exit status."""
    return with_safe_streams(lambda: _main(argv))


def _main(argv: Sequence[str] | None) -> int:
    try:
        return _report(*parse_options(argv))
    except LenetAblateError as error:
        print(f"lenet-report: {error}", file=sys.stderr)
        return BAD
    except KeyboardInterrupt:
        return INTERRUPTED


def _report(options: ReportOptions, telling: Display) -> int:
    lend_temporary_folder(options.out or options.outputs)
    from lenet_ablate.report.build import build_report
    from lenet_ablate.report.reading import NothingFinished
    from lenet_ablate.report.terminal import tell_built, tell_found

    try:
        built = build_report(options, lambda told: tell_found(told, telling.with_tables))
    except NothingFinished as error:
        print(f"lenet-report: {error}", file=sys.stderr)
        return NOTHING
    tell_built(built)
    if telling.is_to_open:
        _open(built.page.resolve().as_uri())
    return OK


def _open(address: str) -> None:
    import webbrowser

    if not webbrowser.open(address):
        print(f"lenet-report: warning: no browser can be opened; the page is {address}", file=sys.stderr)
