"""Predictions as text for people, as CSV and as JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass

from lenet_ablate.datasets.base import NUM_CLASSES
from lenet_ablate.predict.predictor import Prediction
from lenet_ablate.rendering.escape import no_formula

COLUMNS = ("picture", "digit", "probability", "verdict", *(f"p{digit}" for digit in range(NUM_CLASSES)))
_BAR = 30


@dataclass(frozen=True)
class Answer:
    """One picture and what was read in it, from left to right."""

    picture: str
    predictions: Sequence[Prediction]


def as_text(answer: Answer) -> str:
    """The digits, how sure they are, and ten probabilities each."""
    digits = [prediction for prediction in answer.predictions if prediction.digit is not None]
    if not digits:
        return f"{_one_line(answer.picture)}: no digit found"
    if len(digits) == 1:
        return f"{_one_line(answer.picture)}: {_sentence(digits[0])}\n{_bars(digits[0])}"
    whole = "".join(str(prediction.digit) for prediction in digits)
    head = f"{_one_line(answer.picture)}: {whole}, {len(digits)} digits from left to right"
    return "\n".join([head, *(f" {_sentence(prediction)}\n{_bars(prediction)}" for prediction in digits)])


def _sentence(prediction: Prediction) -> str:
    return f"{prediction.digit}, probability {prediction.probabilities.max():.4f}, {prediction.verdict.value}"


def _bars(prediction: Prediction) -> str:
    rows = []
    for digit, probability in enumerate(prediction.probabilities):
        bar = "█" * round(_BAR * float(probability))
        rows.append(f"  {digit}  {probability:.4f}  {bar}".rstrip())
    return "\n".join(rows)


def as_csv(answers: Sequence[Answer]) -> str:
    """One row per digit, one with an empty digit where none was found; text that a spreadsheet would run is quoted."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for answer in answers:
        for found in answer.predictions:
            values = (
                [f"{value:.6f}" for value in found.probabilities] if found.digit is not None else [""] * NUM_CLASSES
            )
            highest = values[found.digit] if found.digit is not None else ""
            digit = "" if found.digit is None else found.digit
            writer.writerow([no_formula(answer.picture), digit, highest, found.verdict.value, *values])
    return text.getvalue()


def as_json(answers: Sequence[Answer], run: str, is_calibrated: bool) -> str:
    """The same as an object with the run and a list of pictures, each with its digits; probabilities by digit."""
    pictures = [
        {
            "picture": answer.picture,
            "digits": [
                {
                    "digit": found.digit,
                    "probability": round(float(found.probabilities.max()), 6),
                    "verdict": found.verdict.value,
                    "probabilities": [round(float(value), 6) for value in found.probabilities],
                }
                for found in answer.predictions
                if found.digit is not None
            ],
        }
        for answer in answers
    ]
    content = {"run": run, "calibrated": is_calibrated, "pictures": pictures}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _one_line(text: str) -> str:
    """Without control characters, which a terminal would obey."""
    return "".join(char if char.isprintable() else "?" for char in text)
