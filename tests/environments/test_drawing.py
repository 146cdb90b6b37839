"""Backends and styles that the user's environment asks matplotlib for."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lenet_ablate.predict.figures import draw_test_digits, png
from lenet_ablate.predict.prediction import Certainty, Prediction
from lenet_ablate.rendering.plotting import import_matplotlib

Command = Callable[..., subprocess.CompletedProcess[str]]
STYLE = "figure.facecolor: red\nfont.size: 30\nsavefig.bbox: tight\nsavefig.facecolor: green\nimage.cmap: jet\n"


def digests(folder: Path) -> dict[str, str]:
    kinds = (".png", ".svg", ".pdf")
    found = [path for path in sorted(folder.rglob("*")) if path.suffix in kinds]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


@pytest.mark.parametrize(
    ("words", "backend"),
    [
        (("report", "outputs"), "module://matplotlib_inline.backend_inline"),
        (("predict", "--test", "2", "--show", "grid.png"), "no-such-backend"),
        (("ablate", "data=digits", "epochs=1", "engine=torch", "report=true"), "no-such-backend"),
    ],
)
def test_a_backend_that_is_not_installed_is_not_asked_for(
    run: Command, outputs: Path, words: tuple[str, ...], backend: str
) -> None:
    done = run(*words, MPLBACKEND=backend)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr and "not made" not in done.stdout


def test_the_users_style_changes_no_figure(run: Command, outputs: Path) -> None:
    assert run("report", "outputs", "--formats", "svg,pdf,png").returncode == 0
    plain = digests(outputs)
    (outputs.parent / "matplotlibrc").write_text(STYLE)
    assert run("report", "outputs", "--force", "--formats", "svg,pdf,png").returncode == 0
    assert digests(outputs) == plain and len(plain) >= 6


def test_the_users_style_changes_no_picture_of_a_prediction() -> None:
    import matplotlib

    images, labels = np.arange(3 * 8 * 8, dtype=np.uint8).reshape(3, 8, 8), np.array([1, 2, 3], np.uint8)
    read = [Prediction(digit, np.full(10, 0.1), Certainty.sure, 1.0) for digit in (1, 2, 4)]
    plain = png(draw_test_digits(images, labels, read, "title"))
    with matplotlib.rc_context({"font.size": 30, "figure.facecolor": "red", "savefig.facecolor": "green"}):
        assert png(draw_test_digits(images, labels, read, "title")) == plain


def test_a_style_that_cannot_be_read_is_one_line(run: Command, outputs: Path) -> None:
    (outputs.parent / "matplotlibrc").write_bytes(b"font.size: 8 # caf\xe9\n")
    done = run("report", "outputs")
    *warnings, last = done.stderr.splitlines()
    assert done.returncode == 1 and last.startswith("lenet-report: figures: matplotlib cannot be imported: ")
    assert all(line.startswith("lenet-report: warning: ") for line in warnings)


def test_the_environment_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setenv("MPLBACKEND", "no-such-backend")
    import_matplotlib()
    assert os.environ["MPLBACKEND"] == "no-such-backend"
