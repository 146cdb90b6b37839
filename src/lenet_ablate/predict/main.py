"""`lenet-predict`: from pictures of handwritten digits to the digits, with a trained run."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lenet_ablate.config.choices import Color
from lenet_ablate.config.home import lend_temporary_folder
from lenet_ablate.errors import DataError, LenetAblateError, PictureError, RecordError
from lenet_ablate.predict.options import BAD, parse_options
from lenet_ablate.predict.other_kinds import SUFFIXES as OTHER_SUFFIXES
from lenet_ablate.rendering.streams import with_safe_streams

if TYPE_CHECKING:
    from lenet_ablate.predict.output import Answer
    from lenet_ablate.predict.pictures import Picture
    from lenet_ablate.predict.predictor import Predictor

OK, NOTHING, NOT_SURE, INTERRUPTED = 0, 2, 3, 130
MAX_DRAWN = 24
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")


def main(argv: Sequence[str] | None = None) -> int:
    """Print what the run reads in the pictures; returns the exit status."""
    return with_safe_streams(lambda: _main(argv))


def _main(argv: Sequence[str] | None) -> int:
    options = parse_options(argv)
    try:
        predictor = _load(options)
        if options.page:
            return _write_page(predictor, options.page)
        if options.export:
            return _export(predictor, options.export)
        return _show_test_digits(predictor, options) if options.test else _read_pictures(predictor, options)
    except (DataError, _NothingToDo) as error:
        _complain(error)
        return NOTHING
    except LenetAblateError as error:
        _complain(error)
        return BAD
    except KeyboardInterrupt:
        return INTERRUPTED


class _NothingToDo(LenetAblateError):
    """There is no run, or no picture."""


def _complain(error: object) -> None:
    line = "".join(char if char.isprintable() else "?" for char in str(error))
    print(f"lenet-predict: {line}", file=sys.stderr)


def _load(options: argparse.Namespace) -> Predictor:
    from lenet_ablate.predict.predictor import Predictor
    from lenet_ablate.predict.trained import best_run

    damaged: list[str] = []
    try:
        folder = options.run or best_run(options.outputs, options.study, damaged.append, options.factory)
        predictor = Predictor.load(folder, ensemble=options.ensemble, tta=options.tta, factory=options.factory)
    except RecordError as error:
        raise _NothingToDo(f"{error}{f'; {damaged[0]}' if damaged else ''}") from None
    if damaged:
        more = f", and {len(damaged) - 1} more" if len(damaged) > 1 else ""
        _complain(f"passed over what cannot be read: {damaged[0]}{more}")
    return predictor


def _describe(predictor: Predictor) -> str:
    first, count = predictor.members[0], len(predictor.members)
    accuracy = f", test accuracy {first.accuracy:.2%}" if first.accuracy is not None else ""
    others = f" and {count - 1} more of its variant" if count > 1 else ""
    doubt = _doubt(predictor)
    small = first.network.image_size // predictor.form.size > 1
    blurred = f"; trained on enlarged {first.config.data.name.value}, it is often wrong about drawings" if small else ""
    return f"{first.folder}{accuracy}{others}{doubt}{blurred}"


def _doubt(predictor: Predictor) -> str:
    """What its answers cannot tell, since too little was learned at the end of its run."""
    if not predictor.is_calibrated:
        return "; uncalibrated: its probabilities are too high"
    if predictor.has_rejection or predictor.subject != "digit":
        return ""
    return "; it takes signs and letters for digits: it saw too few images to tell them apart"


def _export(predictor: Predictor, file: Path) -> int:
    from lenet_ablate.predict.export import export

    lend_temporary_folder(file.parent)
    (trained,) = predictor.members
    export(trained, file)
    print(f"run: {_describe(predictor)}\nexported: {file}", file=sys.stderr)
    return OK


def _refuse_colour(predictor: Predictor, what: str, instead: str) -> None:
    """Ink on paper has no colours that a network for colour images was trained on."""
    first = predictor.members[0]
    if first.config.data.color is Color.rgb:
        raise LenetAblateError(f"{first.folder}: was trained on colour images, {what} are read as grey; use {instead}")


def _read_pictures(predictor: Predictor, options: argparse.Namespace) -> int:
    from lenet_ablate.predict.output import Answer, as_csv, as_json, as_text
    from lenet_ablate.predict.pictures import load_picture
    from lenet_ablate.predict.prediction import Certainty

    _refuse_colour(predictor, "pictures", "--test 20 --show FILE")
    paths = _find_pictures(options.pictures)
    if options.show and options.show.exists() and any(path.exists() and path.samefile(options.show) for path in paths):
        raise LenetAblateError(f"--show {options.show}: is one of the pictures, and would be overwritten")
    if not (options.json or options.csv):
        print(f"run: {_describe(predictor)}", file=sys.stderr)
    answers: list[Answer] = []
    pictures: list[Picture] = []
    unreadable = 0
    for path in paths:
        try:
            picture = load_picture(path)
        except PictureError as error:
            _complain(error)
            unreadable += 1
            continue
        answers.append(Answer(str(path), predictor.read_page(picture)))
        if options.show and len(pictures) < MAX_DRAWN:
            pictures.append(picture)
        if not (options.json or options.csv):
            print(as_text(answers[-1]))
    if options.csv:
        print(as_csv(answers, options.cells, predictor.classes), end="")
    if options.json:
        print(as_json(answers, str(predictor.members[0].folder), predictor.is_calibrated, options.cells), end="")
    if options.show and answers:
        _draw(options.show, answers, pictures)
    sys.stdout.flush()
    if unreadable:
        return NOTHING
    is_sure = answers[0].reading.verdict is Certainty.sure
    return OK if len(paths) > 1 or is_sure else NOT_SURE


def _write_page(predictor: Predictor, file: Path) -> int:
    from lenet_ablate.predict.page.build import build_page
    from lenet_ablate.records.atomic import write_bytes

    _refuse_colour(predictor, "drawings", "--test 20 --show FILE")
    print(f"run: {_describe(predictor)}", file=sys.stderr)
    page = build_page(predictor)
    write_bytes(file, page)
    print(f"page written: {file} ({len(page) / 1000:.0f} kB); open it in a browser and draw a digit")
    return OK


def _find_pictures(names: Sequence[str]) -> list[Path]:
    """Files as named, a folder's pictures, a pattern's matches, in the order of their names."""
    found: list[Path] = []
    for name in names:
        path = Path(name)
        if path.is_dir():
            inside = _pictures_in(path)
        elif set(name) & set("*?[") and not path.exists():
            inside = _matches(path)
        else:
            inside = [path]
        if not inside:
            what = f"holds no picture ({', '.join(SUFFIXES)})" if path.is_dir() else "matches no file"
            raise _NothingToDo(f"{name}: {what}")
        found += inside
    return found


def _pictures_in(folder: Path) -> list[Path]:
    kinds = (*SUFFIXES, *OTHER_SUFFIXES)
    entries = sorted(folder.iterdir())
    if deeper := [entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(".")]:
        shown = ", ".join(deeper[:3]) + (", …" if len(deeper) > 3 else "")
        _complain(f"{folder}: folders in it are not looked into ({shown})")
    return [entry for entry in entries if entry.suffix.lower() in kinds and entry.is_file()]


def _matches(pattern: Path) -> list[Path]:
    try:
        matches = Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor)))
        return sorted(match for match in matches if match.is_file())
    except ValueError as error:
        raise _NothingToDo(f"{pattern}: {error}") from None


def _prepare_drawing(folder: Path) -> None:
    from lenet_ablate.rendering.plotting import import_matplotlib

    lend_temporary_folder(folder)
    import_matplotlib()


def _draw(file: Path, answers: Sequence[Answer], pictures: Sequence[Picture]) -> None:
    from lenet_ablate.records.atomic import write_bytes

    _prepare_drawing(file.parent)
    from lenet_ablate.predict.figures import MAX_ROWS, Shown, draw_predictions, png

    rows = [
        Shown(Path(answer.picture).name, picture, found, answer.reading.left_out)
        for answer, picture in zip(answers, pictures, strict=False)
        for found in answer.reading.predictions
    ]
    write_bytes(file, png(draw_predictions(rows)))
    left_out = sum(len(answer.reading.predictions) for answer in answers) - min(len(rows), MAX_ROWS)
    print(f"drawn: {file}" + (f" ({left_out} more left out)" if left_out else ""), file=sys.stderr)


def _show_test_digits(predictor: Predictor, options: argparse.Namespace) -> int:
    import numpy as np

    from lenet_ablate.datasets.load import data_folder
    from lenet_ablate.predict.sample_digits import draw_sample
    from lenet_ablate.records.atomic import write_bytes

    is_drawn = options.show or _has_screen()
    if is_drawn:
        _prepare_drawing(options.show.parent if options.show else options.outputs)
    sample = draw_sample(predictor, options.test, data_folder(None), np.random.default_rng(), options.wrong)
    counts = f"{sample.num_wrong} of {sample.num_test} test {predictor.subject}s read wrongly"
    print(f"run: {_describe(predictor)}\n{counts}")
    if not len(sample.images):
        raise _NothingToDo("there is no digit to draw")
    if not is_drawn:
        print("not drawn: there is no screen; --show FILE.png draws to a file", file=sys.stderr)
        return OK
    from lenet_ablate.predict.figures import draw_test_digits, png

    title = f"{predictor.members[0].folder.name}: {counts}"
    drawn = png(draw_test_digits(sample.images, sample.labels, sample.predictions, title))
    if options.show:
        write_bytes(options.show, drawn)
        print(f"drawn: {options.show}")
    else:
        _open_on_screen(drawn)
    return OK


def _has_screen() -> bool:
    has_display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return sys.platform in ("darwin", "win32") or bool(has_display)


def _open_on_screen(drawn: bytes) -> None:
    from PIL import Image, ImageShow

    if not ImageShow.show(Image.open(io.BytesIO(drawn)), title="lenet-predict"):
        raise LenetAblateError("no program shows pictures here; name a file with --show")
