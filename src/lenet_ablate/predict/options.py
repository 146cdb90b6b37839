"""What `lenet-predict` can be asked for; imports nothing heavy, so that `--help` answers at once."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from lenet_ablate import __version__

BAD, MAX_TEST = 1, 400
Suffixes = tuple[str, ...]
FILES: dict[str, Suffixes] = {"page": (".html",), "export": (".onnx", ".pth")}  # what is made of a run itself
EPILOG = """\
examples:
  lenet-predict photo.jpg
  lenet-predict scans/ --csv > digits.csv
  lenet-predict table.jpg --cells --csv > cells.csv
  lenet-predict photo.jpg --show seen.png
  lenet-predict --test 50 --wrong --show grid.png
  lenet-predict --page digit.html
  lenet-predict --study ablation --export lenet5.onnx

exit status: 0 done, 1 bad option or nothing could be written, 2 no run to predict with, or a picture that cannot be
read, 3 not sure of the only picture: of a sign in it, or because ink was left out; or no digit found in it
"""


def parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
    """The options on a command line; ends the process with status 1 where they are bad."""
    parser = _parser()
    options = parser.parse_args(argv)
    _check(parser, options)
    return options


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(BAD, f"lenet-predict: {message}; see lenet-predict --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="lenet-predict",
        description="Read handwritten digits in pictures (PNG, JPEG, BMP, GIF, WebP) with a trained run.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add(
        "pictures", nargs="*", metavar="PICTURE", help="a picture, a folder of pictures, or a pattern such as 'a/*.png'"
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--run", type=Path, metavar="DIR", help="folder of the run (default: best by validation)")
    which.add_argument("--study", metavar="NAME", help="choose the best run of this study")
    add("--outputs", type=Path, default=Path("outputs"), help="folder of the studies (default: %(default)s)")
    add("--ensemble", action="store_true", help="average over all seeds of the run's variant")
    add("--tta", action="store_true", help="average over small rotations of each digit")
    add(
        "--factory",
        action="append",
        metavar="FILE.py:NAME",
        help="code of the run's own network or nonlinearity (for both: twice); it is run, once it is the same code",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument("--csv", action="store_true", help="print CSV, one row per sign, with its place")
    add("--cells", action="store_true", help="with --csv or --json: row and column of each digit's cell in a table")
    add("--show", type=Path, metavar="FILE.png", help="draw the picture, what the network saw and the probabilities")
    add("--test", type=int, metavar="N", help="draw N random test digits instead, to --show or on the screen")
    add("--wrong", action="store_true", help="with --test: only digits that the run reads wrongly")
    add("--page", type=Path, metavar="FILE.html", help="write a page on which one draws a digit for the run to read")
    add("--export", type=Path, metavar="FILE", help="write the network for other tools, FILE.onnx or FILE.pth")
    add("--version", action="version", version=f"lenet-predict {__version__}")
    return parser


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    if options.test is not None and not 1 <= options.test <= MAX_TEST:
        parser.error(f"--test must be from 1 to {MAX_TEST}")
    for name in ("show", *FILES):
        if (file := getattr(options, name)) and not file.parent.is_dir():
            parser.error(f"--{name}: there is no folder {file.parent}")
    if options.test and (options.pictures or options.json or options.csv):
        parser.error("--test takes no pictures and prints neither JSON nor CSV")
    if options.cells and not (options.csv or options.json):
        parser.error("--cells goes with --csv or --json")
    if options.wrong and not options.test:
        parser.error("--wrong goes with --test")
    for name, suffixes in FILES.items():
        if getattr(options, name):
            _check_file(parser, options, name, suffixes)
            return
    if not options.test and not options.pictures:
        parser.error("name at least one picture")
    if options.show and options.show.suffix.lower() != ".png":
        parser.error("--show must end in .png")


def _check_file(parser: argparse.ArgumentParser, options: argparse.Namespace, name: str, suffixes: Suffixes) -> None:
    if getattr(options, name).suffix.lower() not in suffixes:
        parser.error(f"--{name} must end in {' or '.join(suffixes)}")
    others = {"pictures", "test", "json", "csv", "show", "ensemble", "tta", *FILES} - {name}
    if any(getattr(options, other) for other in others):
        parser.error(f"--{name} writes one run and goes with nothing but --run, --study, --outputs and --factory")
