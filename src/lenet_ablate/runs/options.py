"""What `lenet-runs` can be asked for; imports nothing heavy, so that `--help` answers at once."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from lenet_ablate import __version__

BAD = 1
COMMANDS = ("show", "diff", "rm", "archive", "restore", "mv", "note", "tag")
_HEAD = """\
lenet-runs: the runs of lenet-ablate, listed, shown, compared and put in order

usage: lenet-runs [OUTPUTS …] [--study S] [--where 'pool=max'] [--sort test_accuracy] [--all]
       lenet-runs show|diff|rm|archive|restore|mv|note|tag …      (each has a --help)

examples:
  lenet-runs                                    the newest runs of each study in outputs/
  lenet-runs --studies                          the studies, and how far each is
  lenet-runs --where 'lr<0.01' --sort accuracy  the best first
  lenet-runs --where state=failed --all --csv
  lenet-runs show @last                         settings, curves, figures, files, the command that trains it
  lenet-runs diff 1a2b3c4d 5e6f                 two runs side by side, and what the statistics allow to be said
  lenet-runs note @best 'for the paper'
  lenet-runs archive --where lr=0.1             no report finds them any more; lenet-runs restore brings them back
  lenet-runs rm @failed                         the same command trains it again

RUN is any part of a run's name that no other has, its folder, or @last, @best (by validation), @failed.
"""
_TAIL = "exit status: 0 done, 1 bad input or something could not be done, 2 there is no such run"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(BAD, f"{self.prog}: {message}; see {self.prog} --help\n")

    def format_help(self) -> str:
        """The text above, with the options."""
        return super().format_help() if self.description else f"{_HEAD}\n{self._options()}\n{_TAIL}\n"

    def _options(self) -> str:
        return super().format_help().partition("\n\n")[2]


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options of a command line, with the command's name as `command`: `list` where none is named."""
    if arguments and arguments[0] in COMMANDS:
        found = _MAKERS[arguments[0]]().parse_args(arguments[1:])
        found.command = arguments[0]
    else:
        found = _list_parser().parse_args(_joined(arguments))
        found.command = "list"
    return found


def _joined(arguments: Sequence[str]) -> list[str]:
    """The words with `--sort` and a column behind a minus as one, or it would be taken for an option."""
    words = list(arguments)
    for place, (word, following) in enumerate(itertools.pairwise(arguments)):
        if word == "--sort" and following.startswith("-"):
            words[place : place + 2] = [f"{word}={following}"]
            break
    return words


def _list_parser() -> _Parser:
    parser = _Parser(prog="lenet-runs", formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    usual = [Path("outputs")]
    parser.add_argument(
        "outputs",
        nargs="*",
        type=Path,
        default=usual,
        help="folders of studies, or studies (default: outputs)",
    )
    _add_choice(parser)
    parser.add_argument(
        "--sort", metavar="COLUMN", help="by a column of runs.csv, or accuracy, seconds; -COLUMN turns it round"
    )
    parser.add_argument("--all", action="store_true", help="every run; else the first 20 of each study")
    parser.add_argument("--archived", action="store_true", help="the archived runs instead")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--studies", action="store_true", help="a line for each study")
    shape.add_argument("--csv", action="store_true", help="all runs with all columns as CSV")
    shape.add_argument("--json", action="store_true", help="the same as JSON")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="write --csv or --json there; CSV then opens rightly in spreadsheets"
    )
    parser.add_argument("--version", action="version", version=f"lenet-runs {__version__}")
    return parser


RUN = "a part of its name, its folder, @last, @best, @failed"


def _command(name: str, description: str) -> _Parser:
    parser = _Parser(prog=f"lenet-runs {name}", description=description, allow_abbrev=False)
    parser.add_argument(
        "--outputs",
        action="append",
        type=Path,
        metavar="DIR",
        help="folder of studies, or a study (default: outputs); may be given several times",
    )
    return parser


def _add_study(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--study", metavar="NAME", help="only this study")


def _add_yes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="do not ask")


def _add_choice(parser: argparse.ArgumentParser) -> None:
    _add_study(parser)
    parser.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="CONDITION",
        help="only runs with pool=max, lr=0.01,0.001 (either), seed!=0, test_accuracy>0.98, state=failed, tag=paper; "
        "several must all hold",
    )


def _add_runs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", nargs="*", metavar="RUN", help=RUN)
    _add_choice(parser)


def _show() -> _Parser:
    parser = _command("show", "All that is known of one run.")
    parser.add_argument("run", nargs="?", default="@last", metavar="RUN", help="(default: @last)")
    _add_study(parser)
    parser.add_argument("--archived", action="store_true", help="look in the archives")
    return parser


def _diff() -> _Parser:
    parser = _command("diff", "Two runs side by side, with McNemar's test on the images that one of them misreads.")
    parser.add_argument("a", metavar="A", help="a run")
    parser.add_argument("b", metavar="B", help="another one")
    _add_study(parser)
    parser.add_argument("--data-dir", metavar="DIR", help="data folder (default: $LENET_ABLATE_DATA, else data/)")
    return parser


def _rm() -> _Parser:
    parser = _command("rm", "Delete runs; the command that asks for them trains them again.")
    _add_runs(parser)
    _add_yes(parser)
    parser.add_argument("--archived", action="store_true", help="runs in the archives")
    return parser


def _archive() -> _Parser:
    parser = _command("archive", "Put runs away: no report and no list finds them until they are restored.")
    _add_runs(parser)
    _add_yes(parser)
    return parser


def _restore() -> _Parser:
    parser = _command("restore", "Bring archived runs back.")
    _add_runs(parser)
    return parser


def _mv() -> _Parser:
    parser = _command("mv", "Give a study another name.")
    parser.add_argument("study", metavar="STUDY", help="its name")
    parser.add_argument("new", metavar="NEW", help="its new name")
    return parser


def _note() -> _Parser:
    parser = _command("note", "Write a note beside a run; '' takes it away. Lists, read_runs and runs.csv show it.")
    parser.add_argument("run", metavar="RUN", help=RUN)
    parser.add_argument("text", metavar="TEXT", help="one line of at most 1,000 characters")
    _add_study(parser)
    return parser


def _tag() -> _Parser:
    parser = _command("tag", "Give a run tags, for --where tag=NAME. Lists, read_runs and runs.csv show them.")
    parser.add_argument("run", metavar="RUN", nargs="?", help=RUN)
    parser.add_argument("tags", metavar="TAG", nargs="*", help="words of A-Z a-z 0-9 . _ : -")
    _add_choice(parser)
    parser.add_argument("--remove", action="store_true", help="take them away")
    return parser


_MAKERS = {
    "show": _show,
    "diff": _diff,
    "rm": _rm,
    "archive": _archive,
    "restore": _restore,
    "mv": _mv,
    "note": _note,
    "tag": _tag,
}
