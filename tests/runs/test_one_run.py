"""`lenet-runs show` and `diff`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from lenet_ablate.config.choices import Pool
from lenet_ablate.config.plan import run_name
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.datasets.digits import load_digits
from lenet_ablate.engines.weights import draw_weights
from lenet_ablate.records.record import EpochRow, Predictions, State
from lenet_ablate.records.write import write_finished, write_status
from lenet_ablate.runs.chart import chart_lines
from runs.conftest import Call
from support.trained_runs import DIGITS


def write_digits(study: Path, wrong: range, **changes: Any) -> Path:
    """A run on digits that takes some test images for the next digit."""
    config = RunConfig(data=DIGITS, epochs=1, **changes)
    labels = load_digits().test_labels
    digits = labels.copy()
    digits[list(wrong)] = (labels[list(wrong)] + 1) % 10
    accuracy = float((digits == labels).mean())
    row = EpochRow(1, 10, 0.001, 0.5, None, 0.5, 0.9, 0.5, accuracy, 1.0)
    final = {"epoch": 1, "val_accuracy": 0.9, "test_accuracy": accuracy}
    folder = study / run_name(config)
    folder.mkdir(parents=True)
    predictions = Predictions(digits, np.ones(len(digits), np.float16))
    result = {"final": final, "num_test": 360, "provenance": {"data_sha256": "0" * 64}}
    write_finished(folder, State.done, config, [row], result, draw_weights(config), predictions)
    return folder


def test_show_tells_what_there_is(outputs: Path, lenet_runs: Call) -> None:
    status, out, _ = lenet_runs("show", "--study", "ablation", "@best")
    assert status == 0
    assert out.splitlines()[0].startswith("ablation/avg")
    assert "settings    pool=avg, lr=step (0.01, ×0.1 every 10 epochs), epochs=3, seed=0" in out
    assert "test accuracy 95.50%" in out and "loss by epoch: t train, v val" in out
    assert "model.safetensors" in out and "torch on cpu" in out
    assert "again       lenet-ablate pool=avg lr=step epochs=3 seed=0\n" in out


def test_show_a_failed_run_with_its_traceback(outputs: Path, lenet_runs: Call) -> None:
    config = RunConfig(lr=0.2, epochs=3)
    folder = outputs / "ablation" / run_name(config)
    from lenet_ablate.config.plan import identity

    lines = "Traceback (most recent call last):\n  File x\nValueError: \x1b[31mno\n"
    write_status(folder, State.failed, identity(config), error="ValueError: no", traceback=lines)
    status, out, _ = lenet_runs("show", "@failed")
    assert status == 0 and "error       ValueError: no" in out
    assert out.endswith("traceback\n  Traceback (most recent call last):\n    File x\n  ValueError: [31mno\n")


@pytest.mark.parametrize(
    ("word", "status", "told"),
    [
        ("avg_relu", 1, "3 runs are called so"),
        ("nothing", 2, "no run is called so"),
        ("@worst", 1, "none of @last, @best, @failed"),
        ("seeds/max", 1, "2 runs are called so"),
        ("lr0.3", 0, ""),
        ("outputs/seeds", 2, "no run is called so"),
    ],
)
def test_a_name_means_one_run_or_is_refused(outputs: Path, lenet_runs: Call, word: str, status: int, told: str) -> None:
    found, _, err = lenet_runs("show", word)
    assert found == status and told in err


def test_a_run_is_found_by_digits_name_and_folder(outputs: Path, lenet_runs: Call) -> None:
    name = run_name(RunConfig(epochs=3, seed=1))
    for word in (name[-8:], name, f"seeds/{name}", f"outputs/seeds/{name}", f"./outputs/seeds/{name}/"):
        assert lenet_runs("show", word)[1].startswith(f"seeds/{name}\n"), word


def test_damage_that_a_glance_does_not_see_is_seen_by_show(outputs: Path, lenet_runs: Call) -> None:
    name = run_name(RunConfig(epochs=3, seed=1))
    path = outputs / "seeds" / name / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    _, out, _ = lenet_runs("show", name)
    assert "state       unreadable" in out and "model.safetensors is damaged" in out


def test_diff_shows_what_differs_and_mcnemars_test(outputs: Path, lenet_runs: Call) -> None:
    write_digits(outputs / "d", range(0, 20))
    write_digits(outputs / "d", range(15, 60), pool=Pool.avg)
    status, out, err = lenet_runs("diff", "--study", "d", "max_", "avg_")
    assert (status, err) == (0, "")
    lines = [line.split() for line in out.splitlines()]
    assert ["setting", "A", "B"] in lines and ["pool", "max", "avg"] in lines
    assert ["test", "accuracy", "94.44", "%", "87.50", "%", "−6.94", "pp"] in lines
    p = stats.binomtest(15, 55).pvalue
    assert "A alone reads 40 rightly, B alone 15" in out and f"p={p:#.2g}" in out
    assert "A is the better network of the two." in out


def test_diff_within_chance_of_two_seeds(outputs: Path, lenet_runs: Call) -> None:
    write_digits(outputs / "d", range(0, 20))
    write_digits(outputs / "d", range(18, 40), seed=1)
    _, out, _ = lenet_runs("diff", "--study", "d", "_s0", "_s1")
    assert "within chance" in out and "seeds of one variant" in out


def test_diff_says_why_there_is_no_test(outputs: Path, lenet_runs: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    one = write_digits(outputs / "d", range(0, 20))
    _, out, _ = lenet_runs("diff", one.name, one.name)
    assert "this is one run twice" in out and "McNemar" not in out
    _, out, _ = lenet_runs("diff", one.name, "lr0.3")
    assert "before both are done" in out
    _, out, _ = lenet_runs("diff", one.name, run_name(RunConfig(epochs=3, seed=1)))
    assert "different images" in out
    other = write_digits(outputs / "d", range(18, 40), seed=1)
    wrong = dataclasses.replace(load_digits(), test_labels=np.zeros(360, np.uint8))
    monkeypatch.setattr("lenet_ablate.datasets.labels.load_digits", lambda: wrong)
    _, out, _ = lenet_runs("diff", one.name, other.name)
    assert "They disagree on 38 of 360 test images." in out and "do not give the runs' own test accuracy" in out


def test_curves_keep_within_their_frame() -> None:
    for epochs in (1, 2, 30, 1000):
        values = [float("nan") if e == 1 else 1 / (e + 1) for e in range(epochs)]
        lines = chart_lines({"train": values, "val": [None] * epochs}, 60)
        assert len(lines) == 10 and max(map(len, lines)) <= 60
        assert lines[0].startswith("  1.0000 |") and sum(line.count("t") for line in lines) == len(
            {round(e * 47 / 999) for e in range(epochs)} if epochs == 1000 else {*range(epochs)} - {1}
        )
    assert chart_lines({"train": [float("inf")]}, 60) == []
