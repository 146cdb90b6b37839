"""Predictions as text for people, as CSV and as JSON."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lenet_ablate.datasets.base import NUM_CLASSES
from lenet_ablate.predict.boxes import Box
from lenet_ablate.predict.prediction import Prediction, Reading
from lenet_ablate.rendering.escape import no_formula

BOX = ("left", "top", "right", "bottom")
PLACE = ("row", "index")
CELL = ("row", "column")
HEAD = ("picture", "digit", "probability", "verdict")
PROBABILITIES = tuple(f"p{digit}" for digit in range(NUM_CLASSES))
COLUMNS = (*HEAD, *PLACE, *BOX, *PROBABILITIES)
CELL_COLUMNS = (*HEAD, *CELL, *BOX, *PROBABILITIES)
LEFT_OUT = "left out"
_BAR = 30


@dataclass(frozen=True)
class Answer:
    """One picture and what was read in it."""

    picture: str
    reading: Reading


def as_text(answer: Answer) -> str:
    """The digits as they stand, row by row, how sure they are, ten probabilities each, and what was left out."""
    name, reading = _one_line(answer.picture), answer.reading
    signs = [prediction for prediction in reading.predictions if prediction.image is not None]
    told = [f"{name}: {left_out}" for left_out in left_out_lines(reading)]
    if not signs:
        return "\n".join([f"{name}: no digit found", *told])
    if len(signs) == 1:
        return "\n".join([f"{name}: {_sentence(signs[0])}", _bars(signs[0]), *told])
    rows = _rows(signs)
    count = sum(prediction.digit is not None for prediction in signs)
    others = f", {len(signs) - count} no digits" if count < len(signs) else ""
    if len(rows) == 1:
        head = [f"{name}: {rows[0]}, {count} digits from left to right{others}"]
    else:
        head = [f"{name}: {count} digits in {len(rows)} rows{others}", *(f"  {row}" for row in rows)]
    return "\n".join([*head, *told, *(f" {_sentence(prediction)}\n{_bars(prediction)}" for prediction in signs)])


def _rows(signs: Sequence[Prediction]) -> list[str]:
    """What stands in each row; a sign that is no digit is a dot in the middle."""
    rows: dict[int, str] = {}
    for sign in signs:
        rows[sign.row] = rows.get(sign.row, "") + ("·" if sign.digit is None else str(sign.digit))
    return [rows[row] for row in sorted(rows)]


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
        return f"{prediction.verdict.value}, most like {prediction.probabilities.argmax()}"
    return f"{prediction.digit}, probability {highest:.4f}, {prediction.verdict.value}"


def _bars(prediction: Prediction) -> str:
    rows = []
    for digit, probability in enumerate(prediction.probabilities):
        bar = "█" * round(_BAR * float(probability))
        rows.append(f"  {digit}  {probability:.4f}  {bar}".rstrip())
    return "\n".join(rows)


def as_csv(answers: Sequence[Answer], with_cells: bool = False) -> str:
    """One row per sign and per mark that was left out, one without a digit where nothing was found.

    Text that a spreadsheet would run is quoted.

    Args:
        answers: Pictures with what was read in them.
        with_cells: Give row and column of each digit's cell in a table instead of row and place in the picture.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CELL_COLUMNS if with_cells else COLUMNS)
    for answer in answers:
        name = no_formula(answer.picture)
        for found in answer.reading.predictions:
            writer.writerow([name, *_csv_values(found, with_cells)])
        for mark in answer.reading.left_out:
            place = (mark.box.left, mark.box.top, mark.box.right, mark.box.bottom)
            verdict = f"{LEFT_OUT}: {mark.reason.value}"
            writer.writerow([name, "", "", verdict, "", "", *place, *[""] * NUM_CLASSES])
    return text.getvalue()


def _csv_values(found: Prediction, with_cells: bool) -> list[object]:
    is_read = found.image is not None
    values = [f"{value:.6f}" if is_read else "" for value in found.probabilities]
    place = found.cell or ("", "") if with_cells else (found.row, found.index)
    box = found.box
    return [
        "" if found.digit is None else found.digit,
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
