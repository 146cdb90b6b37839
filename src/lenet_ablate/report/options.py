"""What `lenet-report` can be asked for; imports nothing heavy, so that `--help` answers at once."""

from __future__ import annotations

import argparse
import hashlib
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from lenet_ablate import __version__
from lenet_ablate.config.checks import Real
from lenet_ablate.config.settings import REPORT_FOLDER
from lenet_ablate.errors import ConfigError
from lenet_ablate.report.study.criteria import DEFAULT_CRITERIA, Condition, Criteria, EpochRule, Family, Metric

BAD = 1
MAX_FOLDER_NAME = 80
FORMATS = ("svg", "pdf", "png")
POINTS = 100  # percentage points in 1
EPILOG = """\
examples:
  lenet-ablate -m lr=0.01,0.001 pool=max,avg seed=0,1,2
  lenet-report outputs/ --open
  lenet-report outputs/ --where pool=max --factor lr --margin 0.2
  lenet-report ann/outputs bob/outputs

exit status: 0 written, 1 bad option or nothing could be written, 2 no finished run
"""


@dataclass(frozen=True)
class ReportOptions:
    """What a report is made of.

    Attributes:
        outputs: Folder of the studies, or one study; of several the folder that they are in.
        out: Where to write; None for `report/` in that folder.
        study: The only study to report; None for all.
        factors: Keys of the factors to show; empty for all.
        where: Conditions that every run must meet.
        criteria: By what levels are compared.
        every_variant: Whether each variant gets a figure of its own.
        formats: The kinds of file that figures are written as; the page has its figures in it.
        data_dir: The data folder, for the true digits; None for the usual one.
        is_forced: Whether a report is made again that would be the same.
        folders: The folders of studies, where there are several.
    """

    outputs: Path
    out: Path | None = None
    study: str | None = None
    factors: tuple[str, ...] = ()
    where: tuple[Condition, ...] = ()
    criteria: Criteria = DEFAULT_CRITERIA
    every_variant: bool = False
    formats: tuple[str, ...] = FORMATS[:1]
    data_dir: str | None = None
    is_forced: bool = False
    folders: tuple[Path, ...] = ()

    @property
    def selection(self) -> str:
        """What sets this report apart from the plain one, as a folder's name: `pool=max+margin=0.2`; "" of the plain.

        It has an `=` in it, which no study's name has.
        """
        usual, chosen = DEFAULT_CRITERIA, self.criteria
        words = sorted(condition.text for condition in self.where)
        words += [f"factor={','.join(sorted(self.factors))}"] if self.factors else []
        words += [f"metric={chosen.metric.value}"] if chosen.metric is not usual.metric else []
        words += [f"epoch={chosen.epoch.value}"] if chosen.epoch is not usual.epoch else []
        words += [f"margin={POINTS * chosen.margin:g}"] if chosen.margin != usual.margin else []
        words += [f"target={POINTS * chosen.target:g}"] if chosen.target != usual.target else []
        words += [f"alpha={chosen.alpha:g}"] if chosen.alpha != usual.alpha else []
        words += [f"family={chosen.family.value}"] if chosen.family is not usual.family else []
        return _folder_name("+".join(words))


@dataclass(frozen=True)
class Display:
    """What is said and shown of a report.

    Attributes:
        is_to_open: Whether its page is opened in the browser.
        with_tables: Whether the tables of several studies are printed too.
    """

    is_to_open: bool
    with_tables: bool


def parse_options(argv: Sequence[str] | None) -> tuple[ReportOptions, Display]:
    """The options on a command line, and what is to be told.

    Raises:
        ConfigError: They are bad.
    """
    found = _parser().parse_args(argv)
    criteria = Criteria(
        Metric(found.metric),
        EpochRule(found.epoch),
        found.margin / POINTS,
        found.target / POINTS,
        found.alpha,
        Family(found.family),
    )
    factors = tuple(dict.fromkeys(key for keys in found.factor for key in keys))
    where = tuple(found.where)
    every = found.figures == "all"
    folders = tuple(dict.fromkeys(map(Path, found.outputs or ["outputs"])))
    options = ReportOptions(
        folders[0] if len(folders) == 1 else Path(os.path.commonpath([folder.absolute() for folder in folders])),
        found.out,
        found.study,
        factors,
        where,
        criteria,
        every,
        found.formats,
        found.data_dir,
        found.force,
        folders if len(folders) > 1 else (),
    )
    return options, Display(found.open, found.tables)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message}; see lenet-report --help")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="lenet-report",
        description="Turn the runs of lenet-ablate into verdicts, tables (CSV, Markdown, LaTeX, HTML), figures and a "
        "page, index.html.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "outputs",
        nargs="*",
        help="folder of the studies, or one study (default: outputs); several, or a folder of such folders, are "
        "reported together, studies of one name as one",
    )
    _add_selection(parser)
    _add_criteria(parser)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help=f"where to write (default: {REPORT_FOLDER}/ in that folder; with a choice of runs, factors or criteria a "
        f"folder in it that is named after the choice, as in {REPORT_FOLDER}/pool=max/)",
    )
    parser.add_argument(
        "--figures",
        choices=("summary", "all"),
        default="summary",
        help="summary: figures per factor and one of all variants (default); all: also one per variant",
    )
    parser.add_argument(
        "--formats",
        type=_formats,
        default=FORMATS[:1],
        metavar="KIND[,KIND]",
        help="files that figures are written as: svg, pdf, png (default: svg)",
    )
    parser.add_argument(
        "--data-dir", metavar="DIR", help="data folder, for the true digits (default: $LENET_ABLATE_DATA, else data/)"
    )
    parser.add_argument("--tables", action="store_true", help="print the tables of several studies too")
    parser.add_argument(
        "--force", action="store_true", help="also make a report again whose runs and options have not changed"
    )
    parser.add_argument("--open", action="store_true", help="open the page in the browser")
    parser.add_argument("--version", action="version", version=f"lenet-report {__version__}")
    return parser


def _add_selection(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what is reported")
    group.add_argument("--study", metavar="NAME", help="only this study")
    group.add_argument(
        "--factor", action="append", default=[], type=_keys, metavar="KEY[,KEY]", help="show only these factors"
    )
    group.add_argument(
        "--where",
        action="append",
        default=[],
        type=_condition,
        metavar="KEY=VALUE[,VALUE]",
        help="only runs with one of these values, spelled as in the tables; several --where must all hold",
    )


def _add_criteria(parser: argparse.ArgumentParser) -> None:
    usual = DEFAULT_CRITERIA
    group = parser.add_argument_group("how levels are compared")
    group.add_argument(
        "--metric",
        choices=[metric.value for metric in Metric],
        default=usual.metric.value,
        help="(default: %(default)s)",
    )
    group.add_argument(
        "--epoch",
        choices=[rule.value for rule in EpochRule],
        default=usual.epoch.value,
        help="last epoch, or the first with the highest validation accuracy (default: %(default)s)",
    )
    group.add_argument(
        "--margin",
        type=_real(Real(0, 50)),
        default=usual.margin * POINTS,
        metavar="PP",
        help="smaller differences do not matter, in percentage points (default: %(default)g, or one image of a smaller "
        "test set)",
    )
    group.add_argument(
        "--target",
        type=_real(Real(0, 50)),
        default=usual.target * POINTS,
        metavar="PP",
        help="difference that the advice on seeds aims at, in percentage points (default: %(default)g, or two images)",
    )
    group.add_argument(
        "--alpha",
        type=_real(Real(0, 0.5)),
        default=usual.alpha,
        metavar="P",
        help="probability of a false alarm per family of tests (default: %(default)g)",
    )
    group.add_argument(
        "--family",
        choices=[family.value for family in Family],
        default=usual.family.value,
        help="correct the tests of each factor together, or all tests of the study (default: %(default)s)",
    )


def _folder_name(text: str) -> str:
    """The text as a name that every file system takes; one that had to be changed ends in a digest of the text."""
    safe = re.sub(r"[^A-Za-z0-9._=,+-]+", "_", text)[:MAX_FOLDER_NAME]
    return safe if safe == text else f"{safe}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _real(check: Real) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            return check(float(text))
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text}: must be {check.allowed}") from None

    return parse


def _keys(text: str) -> tuple[str, ...]:
    keys = tuple(key.strip() for key in text.split(",") if key.strip())
    if not keys:
        raise argparse.ArgumentTypeError("must name a setting, e.g. --factor lr")
    return keys


def _formats(text: str) -> tuple[str, ...]:
    asked = [kind.strip().lower() for kind in text.split(",")]
    if not set(asked) <= set(FORMATS):
        raise argparse.ArgumentTypeError(f"{text}: must be some of {', '.join(FORMATS)}, e.g. --formats svg,pdf")
    return tuple(kind for kind in FORMATS if kind in asked)


def _condition(text: str) -> Condition:
    key, equals, values = text.partition("=")
    # A list such as [4,2] is one value.
    named = tuple(value.strip() for value in re.split(r",(?![^\[\]]*\])", values) if value.strip())
    if not key.strip() or not equals or not named:
        raise argparse.ArgumentTypeError(f"{text}: is not of the form setting=value[,value…], e.g. --where pool=max")
    return Condition(key.strip(), named)
