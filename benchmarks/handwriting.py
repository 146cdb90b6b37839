"""How well `lenet-predict` reads a folder of labelled pictures: kind by kind, and what of it is lost without a word.

    python benchmarks/handwriting.py outputs/<study>/<run> pictures/ --wrong

The folder holds the pictures and a `labels.csv` with the columns `picture`, `labels` and `kind`. A label has the digits
as they stand, rows parted by `|`; whatever else it holds is a sign or a letter. Nothing here is trained on.

Of each kind: digits that are read rightly, wherever they stand; digits that are sure and wrong; digits that are lost,
and lost in pictures of which the whole answer is sure; pictures of several rows of which the digits are right, and how
many of these are in order.
"""

from __future__ import annotations

import argparse
import csv
import re
import time
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

from lenet_ablate.predict.output import left_out_lines
from lenet_ablate.predict.prediction import Certainty, Reading
from lenet_ablate.predict.predictor import Predictor

FIGURES = ("digits", "right", "sure and wrong", "lost", "lost silently", "extra", "rows", "in order")


def rows_of(reading: Reading) -> str:
    """The digits as they were read, rows parted by `|`."""
    rows: dict[int, str] = defaultdict(str)
    for found in reading.predictions:
        if found.digit is not None:
            rows[found.row] += str(found.digit)
    return "|".join(rows[number] for number in sorted(rows))


def count(label: str, reading: Reading) -> Counter[str]:
    """What is right of one picture, and what is not."""
    rows = re.sub(r"[^\d|]", "", label)
    wanted, read = Counter(rows.replace("|", "")), Counter(rows_of(reading).replace("|", ""))
    sure = Counter(str(found.digit) for found in reading.predictions if found.verdict is Certainty.sure)
    lost = max(0, wanted.total() - read.total())
    has_rows = "|" in rows and wanted == read
    return Counter(
        {
            "digits": wanted.total(),
            "right": (wanted & read).total(),
            "sure and wrong": (sure - wanted).total(),
            "lost": lost,
            "lost silently": lost if reading.verdict is Certainty.sure else 0,
            "extra": max(0, read.total() - wanted.total()),
            "rows": has_rows,
            "in order": has_rows and rows_of(reading) == rows,
        }
    )


def told(reading: Reading) -> str:
    signs = {Certainty.sure: "", Certainty.not_sure: "?", Certainty.no_digit: "-"}
    letters = [
        "·" if found.verdict is Certainty.not_a_digit else f"{found.digit}{signs[found.verdict]}"
        for found in reading.predictions
    ]
    return "; ".join(["".join(letters), *left_out_lines(reading)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--wrong", action="store_true", help="name the pictures that are not read as labelled")
    options = parser.parse_args()
    predictor = Predictor.load(options.run)
    totals: dict[str, Counter[str]] = defaultdict(Counter)
    seconds = []
    with (options.folder / "labels.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            started = time.process_time()
            reading = predictor.read_page(options.folder / row["picture"])
            seconds.append(time.process_time() - started)
            totals[row["kind"]].update(count(row["labels"], reading))
            if options.wrong and rows_of(reading) != re.sub(r"[^\d|]", "", row["labels"]):
                print(f"{row['picture']}: {row['labels'] or 'nothing'} read as {told(reading)}")
    totals["all"] = sum(totals.values(), Counter())
    print(f"{'kind':24}" + "".join(f"{name:>16}" for name in FIGURES))
    for kind, figures in totals.items():
        print(f"{kind:24}" + "".join(f"{figures[name]:16}" for name in FIGURES))
    median, slow = 1e3 * np.percentile(seconds, [50, 95])
    print(f"{len(seconds)} pictures; a core's time for each: median {median:.0f} ms, 95 % within {slow:.0f} ms")


if __name__ == "__main__":
    main()
