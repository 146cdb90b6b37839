"""Two runs side by side: what differs in their settings, their figures, and what the statistics allow to be said."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lenet_ablate.config.experiments import word
from lenet_ablate.datasets.load import data_folder
from lenet_ablate.errors import DataError, RecordError
from lenet_ablate.records.read import RunRecord, read_run
from lenet_ablate.records.record import State
from lenet_ablate.records.rows import run_row, settings_row
from lenet_ablate.rendering.escape import one_line
from lenet_ablate.report.text.wording import p_text, signed_points
from lenet_ablate.runs.collect import Entry
from lenet_ablate.runs.table import Column, table_lines

PERCENT = ("test_accuracy", "val_accuracy", "best_val_accuracy", "test_accuracy_at_best_val")
LOSSES = ("train_loss", "train_loss_running", "val_loss", "test_loss")
OTHERS = ("epochs_done", "best_epoch", "num_parameters", "wall_seconds", "engine", "device", "version", "commit")
ALPHA = 0.05


@dataclass(frozen=True)
class Agreement:
    """What two runs say of the same test images.

    Attributes:
        total: Images.
        differing: Images on which they say different digits.
        only_a: Images that the first alone reads rightly; None where the true digits are not at hand.
        only_b: Images that the second alone reads rightly.
        missing: Why the true digits are not at hand.
    """

    total: int
    differing: int
    only_a: int | None = None
    only_b: int | None = None
    missing: str = ""


def diff_lines(a: Entry, b: Entry, data_dir: str | None, width: int | None) -> Iterator[str]:
    """What there is to say of two runs.

    Args:
        a: The first run.
        b: The second one.
        data_dir: The data folder, for the true digits; None for the usual one.
        width: Characters of a line; None: any number.
    """
    first, second = _read(a), _read(b)
    yield f"A  {a.label}"
    yield f"B  {b.label}"
    yield ""
    if first.config and second.config:
        differing = list(_settings(first, second))
        same = (
            "settings: the same" if first.identity != second.identity else "settings: the same; this is one run twice"
        )
        yield from [same] if not differing else table_lines(_columns("setting", differing), width)
        yield ""
    yield from table_lines(_columns("figure", list(_figures(first, second)), is_number=True), width)
    yield ""
    yield from _verdict(first, second, data_dir)


def compare(a: RunRecord, b: RunRecord, data_dir: Path) -> Agreement:
    """What two finished runs say of the same test images.

    Raises:
        RecordError: One of them has no predictions, or they are about different images.
    """
    from lenet_ablate.datasets.labels import load_test_labels
    from lenet_ablate.records.arrays import read_predictions

    one, other = (read_predictions(run.folder, run.result.num_test).digits for run in (a, b))
    shas = {run.result.provenance.data_sha256 for run in (a, b)}
    if a.config is None or b.config is None or one.shape != other.shape or len(shas) > 1 or _source(a) != _source(b):
        raise RecordError("they were tested on different images")
    total, differing = len(one), int((one != other).sum())
    try:
        true = load_test_labels(a.config.data, data_dir)
    except DataError as error:
        return Agreement(total, differing, missing=str(error))
    recorded = [run.rows[-1].test_accuracy for run in (a, b) if run.rows]
    found = [float((digits == true).mean()) if digits.shape == true.shape else -1.0 for digits in (one, other)]
    if any(r is None or abs(r - f) > 0.5 / max(total, 1) for r, f in zip(recorded, found, strict=True)):
        return Agreement(total, differing, missing="the data at hand do not give the runs' own test accuracy")
    right, other_right = one == true, other == true
    return Agreement(total, differing, int((right & ~other_right).sum()), int((other_right & ~right).sum()))


def _source(run: RunRecord) -> object:
    """Which test images a run was tested on."""
    assert run.config is not None
    data = run.config.data
    if data.sha256 is not None:
        return data.sha256
    drawn = (data.noise, data.train_fraction, data.seed) if data.name.is_playground else ()
    return data.name, data.path, drawn


def _read(entry: Entry) -> RunRecord:
    return entry.record if entry.record.state is State.planned else read_run(entry.record.folder)


def _settings(a: RunRecord, b: RunRecord) -> Iterator[tuple[str, ...]]:
    assert a.config and b.config
    one, other = settings_row(a.config), settings_row(b.config)
    for key in dict.fromkeys([*one, *other]):
        texts = [_word(row[key]) if key in row else "" for row in (one, other)]
        if texts[0] != texts[1]:
            yield key, texts[0], texts[1], ""


def _word(value: Any) -> str:
    return value if isinstance(value, str) else word(value)


def _figures(a: RunRecord, b: RunRecord) -> Iterator[tuple[str, ...]]:
    one, other = run_row(a), run_row(b)
    yield "state", a.state.value, b.state.value, ""
    for key in (*PERCENT, *LOSSES, *OTHERS):
        values = one[key], other[key]
        if values == (None, None) or (key in ("engine", "device", "version", "commit") and values[0] == values[1]):
            continue
        texts = [_figure(key, value) for value in values]
        yield key.replace("_", " "), *texts, _difference(key, *values)


def _figure(key: str, value: Any) -> str:
    if value is None:
        return ""
    if key in PERCENT:
        return f"{100 * value:.2f} %"
    if key in LOSSES:
        return f"{value:.4f}"
    return f"{value:.1f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def _difference(key: str, one: Any, other: Any) -> str:
    if not isinstance(one, (int, float)) or not isinstance(other, (int, float)):
        return ""
    if key in PERCENT:
        return f"{signed_points(other - one)} pp"
    return f"{other - one:+.4f}" if key in LOSSES else ""


def _columns(title: str, rows: list[tuple[str, ...]], *, is_number: bool = False) -> list[Column]:
    names, one, other, difference = zip(*rows, strict=True)
    return [
        Column(title, names),
        Column("A", one, is_number),
        Column("B", other, is_number),
        Column("B - A", difference, True),
    ]


def _verdict(a: RunRecord, b: RunRecord, data_dir: str | None) -> Iterator[str]:
    if a.identity == b.identity and a.identity:
        return
    if a.state is not State.done or b.state is not State.done:
        yield "Nothing can be said before both are done."
        return
    try:
        found = compare(a, b, data_folder(data_dir))
    except RecordError as error:
        yield f"No test of the difference: {one_line(error)}."
        return
    yield f"They disagree on {found.differing:,} of {found.total:,} test images."
    if found.only_a is None or found.only_b is None:
        yield f"No test of the difference: {one_line(found.missing)}."
        return
    yield from _mcnemar(found.only_a, found.only_b)
    if a.config and b.config and dataclasses.replace(a.config, seed=0) == dataclasses.replace(b.config, seed=0):
        yield "They are seeds of one variant: this is how far chance alone carries."
    else:
        yield "It is about these two networks: other seeds would give others. Settings are compared by lenet-report."


def _mcnemar(only_a: int, only_b: int) -> Iterator[str]:
    from lenet_ablate.report.analysis.statistics import mcnemar_p

    p = mcnemar_p(only_a, only_b)
    yield f"A alone reads {only_a:,} rightly, B alone {only_b:,}: {p_text(p)} (McNemar's exact test)."
    if p >= ALPHA:
        yield "That is within chance: neither network is shown to be the better one."
    else:
        yield f"{'A' if only_a > only_b else 'B'} is the better network of the two."
