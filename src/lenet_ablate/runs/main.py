"""`lenet-runs`: the runs at hand."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lenet_ablate.errors import ConfigError, LenetAblateError, RecordError
from lenet_ablate.rendering.console import say, warn
from lenet_ablate.rendering.failures import error_line
from lenet_ablate.rendering.streams import with_safe_streams
from lenet_ablate.runs.options import BAD, parse

if TYPE_CHECKING:
    from lenet_ablate.runs.collect import Entry

OK, NOTHING, INTERRUPTED = 0, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Do what is asked for; returns the exit status."""
    return with_safe_streams(lambda: _main(sys.argv[1:] if argv is None else argv))


def _main(argv: Sequence[str]) -> int:
    options = parse(argv)
    try:
        return _list(options) if options.command == "list" else _do(options)
    except RecordError as error:
        warn(f"lenet-runs: {error}")
        return NOTHING
    except LenetAblateError as error:
        warn(f"lenet-runs: {error}")
        return BAD
    except OSError as error:
        warn(f"lenet-runs: {error_line(error)}")
        return BAD
    except KeyboardInterrupt:
        return INTERRUPTED


def _export(options: argparse.Namespace, entries: Sequence[Entry]) -> None:
    from lenet_ablate.records.atomic import write_bytes
    from lenet_ablate.runs.output import csv_text, for_spreadsheet, json_text

    text = csv_text(entries) if options.csv else json_text(entries)
    if options.out is None:
        say(text, end="")
        return
    write_bytes(options.out, for_spreadsheet(text) if options.csv else text.encode())
    say(f"written: {options.out}")


def _list(options: argparse.Namespace) -> int:
    from lenet_ablate.runs.collect import collect
    from lenet_ablate.runs.conditions import parse_condition, select
    from lenet_ablate.runs.listing import run_lines, sort, study_lines
    from lenet_ablate.runs.table import terminal_width

    conditions = [parse_condition(text) for text in options.where]
    if options.out and not (options.csv or options.json):
        raise ConfigError("--out: goes with --csv or --json")
    entries = collect(options.outputs, options.study, archived=options.archived)
    if not entries:
        raise RecordError("there are no archived runs" if options.archived else "there are no runs")
    entries = select(entries, conditions)
    if not entries:
        raise RecordError(f"no run meets {' and '.join(condition.text for condition in conditions)}")
    entries = sort(entries, options.sort)
    if options.csv or options.json:
        _export(options, entries)
        return OK
    width = terminal_width()
    lines = study_lines(entries, width) if options.studies else run_lines(entries, width, show_all=options.all)
    for line in lines:
        say(line)
    return OK


def _do(options: argparse.Namespace) -> int:
    """Carry out a command other than listing."""
    from lenet_ablate.runs import change

    if options.command == "mv":
        change.rename(_one_study(options), options.new)
        return OK
    if options.command in ("show", "diff"):
        return _tell(options)
    entries = _chosen(options)
    if options.command == "rm":
        return change.remove(entries, is_sure=options.yes)
    if options.command == "archive":
        return change.archive(entries, is_sure=options.yes)
    if options.command == "restore":
        return change.restore(entries)
    if options.command == "note":
        change.annotate(entries, options.text)
    else:
        change.tag(entries, options.tags, is_removed=options.remove)
    return OK


def _tell(options: argparse.Namespace) -> int:
    from lenet_ablate.runs.collect import collect, pick
    from lenet_ablate.runs.table import terminal_width

    archived = getattr(options, "archived", False)
    entries, width = collect(_outputs(options), options.study, archived=archived), terminal_width()
    if options.command == "show":
        from lenet_ablate.runs.show import show_lines

        lines = show_lines(pick(entries, options.run), width)
    else:
        from lenet_ablate.runs.diff import diff_lines

        lines = diff_lines(pick(entries, options.a), pick(entries, options.b), options.data_dir, width)
    for line in lines:
        say(line)
    return OK


def _chosen(options: argparse.Namespace) -> list[Entry]:
    """The runs that a command is to change: those named, or those that meet all conditions."""
    from lenet_ablate.runs.collect import collect, pick
    from lenet_ablate.runs.conditions import parse_condition, select

    words, where = _words(options), getattr(options, "where", [])
    if bool(words) == bool(where):
        raise ConfigError(
            f"{options.command}: name runs, or give --where CONDITION; see lenet-runs {options.command} -h"
        )
    conditions = [parse_condition(text) for text in where]
    archived = options.command == "restore" or getattr(options, "archived", False)
    entries = collect(_outputs(options), options.study, archived=archived)
    if words:
        return list({entry.record.folder: entry for entry in (pick(entries, word) for word in words)}.values())
    found = select(entries, conditions)
    if not found:
        raise RecordError(f"no run meets {' and '.join(condition.text for condition in conditions)}")
    return found


def _words(options: argparse.Namespace) -> list[str]:
    """The runs named; with `tag --where …` the first word is a tag, too."""
    if options.command == "tag":
        if options.where:
            options.tags = [word for word in (options.run, *options.tags) if word is not None]
            options.run = None
        if not options.tags:
            raise ConfigError("tag: name a tag, such as lenet-runs tag @best paper")
        return [options.run] if options.run is not None else []
    return [options.run] if options.command == "note" else list(options.runs)


def _one_study(options: argparse.Namespace) -> Path:
    from lenet_ablate.runs.collect import studies_in

    found = studies_in(_outputs(options), options.study)
    if len(found) > 1:
        told = ", ".join(str(folder) for folder in found)
        raise ConfigError(f"{options.study}: there are several: {told}; --outputs DIR names one")
    return found[0]


def _outputs(options: argparse.Namespace) -> list[Path]:
    return options.outputs or [Path("outputs")]
