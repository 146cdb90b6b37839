"""Predictions as text for people, as CSV and as JSON."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lenet_ablate.predict.boxes import Box
from lenet_ablate.predict.prediction import DIGITS, Prediction, Reading
from lenet_ablate.rendering.escape import no_formula

BOX = ("left", "top", "right", "bottom")
PLACE = ("row", "index")
CELL = ("row", "column")
HEAD = ("picture", "digit", "probability", "verdict")
LEFT_OUT = "left out"
_BAR = 30
MAX_BARS = 10  # of more classes the likeliest are told


@dataclass(frozen=True)
class Answer:
    """One picture and what was read in it."""

    picture: str
    reading: Reading


def as_text(answer: Answer) -> str:
    """The digits as they stand, row by row, how sure they are, ten probabilities each, and what was left out."""
    name, reading = _one_line(answer.picture), answer.reading
    signs = [prediction for prediction in reading.predictions if prediction.image is not None]
    told = [f"{name}: {left_out}, so the answer is not sure" for left_out in left_out_lines(reading)]
    if not signs:
        return "\n".join([f"{name}: no digit found", *told])
    if len(signs) == 1:
        return "\n".join([f"{name}: {_sentence(signs[0])}", _bars(signs[0]), *told])
    rows = _rows(signs)
    count = sum(prediction.digit is not None for prediction in signs)
    rest = len(signs) - count
    others = f", {rest} no digit{'s' if rest > 1 else ''}" if rest else ""
    if len(rows) == 1:
        head = [f"{name}: {rows[0]}, {_digits(count)} from left to right{others}"]
    else:
        head = [f"{name}: {_digits(count)} in {len(rows)} rows{others}", *(f"  {row}" for row in rows)]
    return "\n".join([*head, *told, *(f" {_sentence(prediction)}\n{_bars(prediction)}" for prediction in signs)])


def _digits(count: int) -> str:
    return f"{count} digit{'' if count == 1 else 's'}"


def _rows(signs: Sequence[Prediction]) -> list[str]:
    """What stands in each row; a sign that is no digit is a dot in the middle."""
    rows: dict[int, str] = {}
    is_long = any(len(name) > 1 for sign in signs for name in sign.classes)
    for sign in signs:
        name = "·" if sign.name is None else sign.name
        rows[sign.row] = rows.get(sign.row, "") + name + " " * is_long
    return [rows[row].rstrip() for row in sorted(rows)]


def left_out_lines(reading: Reading) -> list[str]:
    """How much ink was left out, for each reason: `3 marks at the edge were left out`."""
    counts = Counter(mark.reason for mark in reading.left_out)
    return [
        f"{count} mark{'s' if count > 1 else ''} {reason.value} {'were' if count > 1 else 'was'} left out"
        for reason, count in counts.items()
    ]


def _sentence(prediction: Prediction) -> str:
    highest = prediction.probabilities.max()
    if prediction.digit is None:
        return f"{prediction.verdict.value}, most like {prediction.likeliest}"
    return f"{prediction.name}, probability {highest:.4f}, {prediction.verdict.value}"


def _bars(prediction: Prediction) -> str:
    shown = shown_classes(prediction)
    width = max(len(prediction.classes[number]) for number in shown)
    rows = []
    for number in shown:
        probability = float(prediction.probabilities[number])
        bar = "█" * round(_BAR * probability)
        rows.append(f"  {prediction.classes[number]:<{width}}  {probability:.4f}  {bar}".rstrip())
    return "\n".join(rows)


def shown_classes(prediction: Prediction) -> list[int]:
    """The classes whose probabilities are shown: all in their order, or the MAX_BARS likeliest, these first."""
    count = len(prediction.classes)
    order = range(count) if count <= MAX_BARS else np.argsort(-prediction.probabilities, kind="stable")[:MAX_BARS]
    return [int(number) for number in order]


def as_csv(answers: Sequence[Answer], with_cells: bool = False, classes: Sequence[str] = DIGITS) -> str:
    """One row per sign and per mark that was left out, one without a digit where nothing was found.

    Text that a spreadsheet would run is quoted.

    Args:
        answers: Pictures with what was read in them.
        with_cells: Give row and column of each digit's cell in a table instead of row and place in the picture.
        classes: What the classes are called; `p` and the name is the column of a class's probability.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*HEAD, *(CELL if with_cells else PLACE), *BOX, *(f"p{name}" for name in classes)])
    for answer in answers:
        name = no_formula(answer.picture)
        for found in answer.reading.predictions:
            writer.writerow([name, *_csv_values(found, with_cells, len(classes))])
        for mark in answer.reading.left_out:
            place = (mark.box.left, mark.box.top, mark.box.right, mark.box.bottom)
            verdict = f"{LEFT_OUT}: {mark.reason.value}"
            writer.writerow([name, "", "", verdict, "", "", *place, *[""] * len(classes)])
    return text.getvalue()


def _csv_values(found: Prediction, with_cells: bool, num_classes: int) -> list[object]:
    is_read = found.image is not None
    values = [f"{value:.6f}" for value in found.probabilities] if is_read else [""] * num_classes
    place = found.cell or ("", "") if with_cells else (found.row, found.index)
    box = found.box
    return [
        "" if found.name is None else no_formula(found.name),
        "" if found.digit is None else values[found.digit],
        found.verdict.value,
        *(place if is_read else ("", "")),
        *(("", "", "", "") if box is None else (box.left, box.top, box.right, box.bottom)),
        *values,
    ]


def as_json(answers: Sequence[Answer], run: str, is_calibrated: bool, with_cells: bool = False) -> str:
    """The same as an object with the run and a list of pictures, each with its signs; probabilities by digit."""
    pictures = [
        {
            "picture": answer.picture,
            "verdict": answer.reading.verdict.value,
            "digits": [
                _json_values(found, with_cells) for found in answer.reading.predictions if found.image is not None
            ],
            "left_out": [{"reason": mark.reason.value, "box": _json_box(mark.box)} for mark in answer.reading.left_out],
        }
        for answer in answers
    ]
    content = {"run": run, "calibrated": is_calibrated, "pictures": pictures}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _json_values(found: Prediction, with_cells: bool) -> dict[str, object]:
    values: dict[str, object] = {
        "digit": found.digit,
        **({} if found.classes == DIGITS else {"class": found.name}),
        "probability": round(float(found.probabilities.max()), 6),
        "verdict": found.verdict.value,
        "row": found.row,
        "index": found.index,
        "box": None if found.box is None else _json_box(found.box),
    }
    if with_cells:
        values["cell"] = None if found.cell is None else {"row": found.cell[0], "column": found.cell[1]}
    return values | {"probabilities": [round(float(value), 6) for value in found.probabilities]}


def _json_box(box: Box) -> dict[str, int]:
    return {"left": box.left, "top": box.top, "right": box.right, "bottom": box.bottom}


def _one_line(text: str) -> str:
    """Without control characters, which a terminal would obey."""
    return "".join(char if char.isprintable() else "?" for char in text)
