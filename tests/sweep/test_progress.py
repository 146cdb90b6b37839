from __future__ import annotations

import io
import re
import sys

import pytest
from tqdm import tqdm

from lenet_ablate.records.record import State
from lenet_ablate.sweep import progress
from lenet_ablate.sweep.progress import Progress, format_seconds, layout


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (59.94, "59.9 s"),
        (60, "1 min 00 s"),
        (125.4, "2 min 05 s"),
        (3600, "1 h 00 min"),
        (8000, "2 h 13 min"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


def test_plain_lines_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "PLAIN_SECONDS", -1.0)
    shown = Progress(1000, 2)
    shown.credit(500)
    shown.advance(100, 0.5)
    shown.end_run(State.failed, "first: FAILED")
    shown.__exit__()
    out, err = capsys.readouterr()
    assert out == "[1/2] first: FAILED\n"
    assert err.startswith("0/2 runs done, 0 failed, 60%, loss 0.5000, about ")


class Gone(Terminal):
    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")


def test_a_terminal_that_was_closed_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Gone())
    shown = Progress(1000, 1)
    monkeypatch.setattr(sys, "stderr", Terminal())
    shown = Progress(1000, 1)
    assert shown._bar is not None
    monkeypatch.setattr(shown._bar, "fp", Gone())
    monkeypatch.setattr(shown._bar, "sp", Gone().write)
    with shown:
        shown.advance(10, 0.5)
        shown.end_run(State.done, "line")
        shown.tell("line")
        shown.advance(10, 0.5)


def test_one_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    shown = Progress(1000, 3)
    shown.credit(400)
    shown.advance(100, 0.25)
    shown.end_run(State.done, "first: 98%")
    shown.end_run(State.failed, "second: FAILED")
    shown.end_run(State.interrupted, "third: interrupted")
    shown.__exit__()
    drawn = terminal.getvalue()
    assert "1/3 runs, 1 failed" in drawn
    assert "50%" in drawn
    assert "loss 0.2500" in drawn
    assert "2/3 runs" not in drawn
    assert "[3/3] third: interrupted" in capsys.readouterr().out


def test_a_bar_is_not_drawn_for_each_of_a_hundred_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(progress, "DRAW_SECONDS", 3600.0)
    shown = Progress(1000, 3)
    begun = terminal.getvalue()
    for _ in range(100):
        shown.advance(5, 0.25)
    assert terminal.getvalue() == begun
    shown.end_run(State.done, "")
    assert "50%" in terminal.getvalue()
    shown.advance(500, 0.25)
    shown.__exit__()
    assert "100%" in terminal.getvalue()


@pytest.mark.parametrize("columns", [40, 56, 60, 76, 80, 100, 200])
@pytest.mark.parametrize("failed", [0, 2])
def test_a_bar_has_room_for_what_matters(columns: int, failed: int) -> None:
    form, counts = layout(columns, 5, 108, failed)
    drawn = tqdm.format_meter(
        500_000,
        1_000_000,
        60,
        columns,
        prefix=counts,
        unit="img",
        unit_scale=True,
        bar_format=form,
        postfix="loss 0.1234",
    )
    assert len(drawn) <= columns and drawn.startswith("5/108") and ("failed" in drawn or not failed)
    assert " 50%" in drawn and re.search("0(0:59|1:00)", drawn) and drawn.endswith("loss 0.1234")
    assert drawn.count("█") >= (2 if columns >= 56 else 0)


def test_a_terminal_that_gets_narrower(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(progress, "DRAW_SECONDS", -1.0)
    for columns in (120, 44):
        monkeypatch.setattr(progress, "_columns", lambda stream, columns=columns: columns)
        if columns == 120:
            shown = Progress(1000, 3)
        terminal.truncate(0)
        shown.advance(100, 0.25)
    shown.advance(100, 0.25)
    lines = terminal.getvalue().rsplit("\x1b[J", 1)[-1].replace("\x00", "").split("\r")
    assert len(lines) > 1 and max(map(len, lines)) <= 44
