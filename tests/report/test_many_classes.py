"""Report and predictions of a set with more classes than digits, as they come out of the commands."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw

from lenet_ablate.records.arrays import read_predictions
from lenet_ablate.report.figures.confusion import (
    MAX_SHOWN,
    confusion_alt,
    confusion_figure,
    confusion_matrix,
    frequent_errors,
    shown_classes,
)
from support.figure_studies import assert_legible

NAMES = tuple(f"sign {number}" for number in range(300))


def confusion_of(num_classes: int, errors: dict[tuple[int, int], int]) -> pd.DataFrame:
    right = {(number, number): 50 for number in range(num_classes)}
    rows = [(*pair, count, 3) for pair, count in (right | errors).items()]
    return pd.DataFrame(rows, columns=["true", "predicted", "count", "n_runs"])


def test_of_many_classes_those_with_the_most_errors_are_shown() -> None:
    confusion = confusion_of(47, {(40, 3): 12, (3, 40): 5, (7, 40): 2, (46, 0): 1})
    matrix = confusion_matrix(confusion)
    assert matrix.shape == (47, 47) and matrix.sum() == 47 * 50 + 20
    shown = shown_classes(matrix)
    assert len(shown) == MAX_SHOWN and shown[:5] == [40, 3, 7, 0, 46]
    figure = confusion_figure(confusion, "title", "note", NAMES[:47])
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels[:2] == ["sign 40", "sign 3"]
    assert_legible(figure)
    assert frequent_errors(confusion, 2, NAMES) == "sign 40 taken for sign 3 (12) and sign 3 taken for sign 40 (5)"
    assert "20 errors in 2,370 predictions" in confusion_alt(confusion) and "(class 40)" in confusion_alt(confusion)


@pytest.mark.parametrize("num_classes", [2, 10, 12, 13, 20, 21, 1000])
def test_any_number_of_classes_is_legible(num_classes: int) -> None:
    errors = {(number, (number + 1) % num_classes): 1 + number % 9 for number in range(num_classes)}
    assert_legible(confusion_figure(confusion_of(num_classes, errors), "title", "note"))
    assert_legible(
        confusion_figure(confusion_of(num_classes, errors), "title", "note", [f"name {n}" for n in range(1000)])
    )


def write_set(path: Path, num_classes: int) -> Path:
    """Bright squares at as many places as there are classes, three images of each for training and one for testing."""
    random, side = np.random.default_rng(0), 20

    def draw(count: int) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
        labels = np.arange(count * num_classes) % num_classes
        images = random.integers(0, 40, (len(labels), 28, 28)).astype(np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[4 + label // side : 8 + label // side, 3 + label % side : 7 + label % side] = 255
        return images, labels

    train, test = draw(3), draw(1)
    np.savez(path, x_train=train[0], y_train=train[1], x_test=test[0], y_test=test[1])
    return path


@pytest.mark.parametrize("num_classes", [12, 300])
def test_the_commands_know_every_class(
    run: Callable[..., tuple[int, str]], report: Callable[..., tuple[int, str, str]], tmp_path: Path, num_classes: int
) -> None:
    path = write_set(tmp_path / "signs.npz", num_classes)
    names = ",".join(NAMES[:num_classes]).replace(" ", "_")
    words = ["data=file", f"data.path={path}", f"data.classes=[{names}]", "epochs=2", "study=signs", "batch_size=16"]
    status, text = run("-m", *words, "pool=max,avg")
    assert status == 0, text
    folders = sorted((tmp_path / "outputs/signs").glob("file_*"))
    said = read_predictions(folders[0])
    assert said.digits.dtype == (np.uint8 if num_classes <= 256 else np.uint16) and len(said.digits) == num_classes
    assert report("outputs")[0] == 0
    frame = pd.read_csv(tmp_path / "outputs/report/signs/confusion.csv")
    assert frame["true"].max() == num_classes - 1 and frame["count"].sum() == num_classes
    assert (frame["true_name"] == "sign_" + frame["true"].astype(str)).all() and "predicted_name" in frame


def test_a_picture_is_given_the_name_of_its_class(
    run: Callable[..., tuple[int, str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from lenet_ablate.predict.main import main

    path = write_set(tmp_path / "signs.npz", 12)
    names = ",".join(f"sign_{number}" for number in range(12))
    assert run("data=file", f"data.path={path}", f"data.classes=[{names}]", "epochs=1", "study=signs")[0] == 0
    paper = Image.new("L", (100, 100), 255)
    ImageDraw.Draw(paper).line([(30, 20), (70, 20), (45, 80)], 0, 7)
    paper.save(tmp_path / "sign.png")
    capsys.readouterr()
    main(["sign.png", "--study", "signs"])
    told = capsys.readouterr().out
    assert "sign_" in told and len(told.splitlines()) == 11  # a sentence and the ten likeliest
    main(["sign.png", "--study", "signs", "--csv"])
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert row["digit"].startswith("sign_") and float(row[f"p{row['digit']}"]) == float(row["probability"])
    main(["sign.png", "--study", "signs", "--json"])
    (found,) = json.loads(capsys.readouterr().out)["pictures"][0]["digits"]
    assert found["class"] == row["digit"] == f"sign_{found['digit']}" and len(found["probabilities"]) == 12
    main(["--study", "signs", "--page", "page.html"])
    assert "<h1>Draw a sign</h1>" in (tmp_path / "page.html").read_text(encoding="utf-8")
    main(["sign.png", "--study", "signs", "--show", "shown.png"])
    with Image.open(tmp_path / "shown.png") as shown:
        assert shown.width > 500
