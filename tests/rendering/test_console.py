"""Printing to streams that fail in every way that they do."""

from __future__ import annotations

import errno
import io
import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lenet_ablate.rendering import console
from lenet_ablate.rendering.console import say
from lenet_ablate.rendering.failures import error_line, system_reason


def ascii_stream() -> tuple[io.BytesIO, io.TextIOWrapper]:
    written = io.BytesIO()
    return written, io.TextIOWrapper(written, encoding="ascii")


def test_what_a_stream_cannot_spell_becomes_question_marks() -> None:
    written, stream = ascii_stream()
    say("größe → \udcff 97 %", stream)
    assert written.getvalue() == b"gr??e ? ? 97 %\n"


class Fails(io.StringIO):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def write(self, text: str) -> int:
        raise self.error


@pytest.mark.parametrize(
    "error",
    [
        BrokenPipeError(errno.EPIPE, "gone"),
        OSError(errno.EIO, "broken"),
        OSError(errno.ENOSPC, "full"),
        ValueError("x"),
    ],
)
def test_a_stream_that_fails_costs_nothing(error: Exception) -> None:
    say("line", Fails(error))


def test_a_closed_or_missing_stream_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    stream.close()
    say("line", stream)
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    say("line")
    console.warn("line")


NOWHERE = (">/dev/full", ">&-", ">&- 2>&- <&-", "2>/dev/full")
SWEEP = "data=digits epochs=1 seed=0,1"
ASCII = {**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize("words", [["--help"], ["data=digits", "epochs=1", "study=ä"], ["data=digits", "plan=true"]])
def test_a_terminal_of_ascii_gets_every_line(tmp_path: Path, words: list[str]) -> None:
    command = [sys.executable, "-m", "lenet_ablate", *words]
    done = subprocess.run(command, env=ASCII, cwd=tmp_path, capture_output=True)
    assert done.returncode == ("study=ä" in words)
    assert b"Traceback" not in done.stderr and b"Error" not in done.stderr
    assert done.stdout or done.stderr


@pytest.mark.skipif(os.name == "nt", reason="redirects as POSIX shells do")
@pytest.mark.parametrize(
    ("words", "where"),
    [
        *itertools.product(("--help", "--version"), NOWHERE),
        *((SWEEP, where) for where in NOWHERE if where != ">&-"),
        pytest.param(SWEEP, ">&-", marks=pytest.mark.soak),  # closed beside the other two above
    ],
)
def test_output_that_leads_nowhere_costs_no_run(tmp_path: Path, words: str, where: str) -> None:
    command = f"{sys.executable} -m lenet_ablate {words} {where}"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode in ((0, 1) if where == ">/dev/full" else (0,)), done.stderr
    assert "Traceback" not in done.stderr and "Exception" not in done.stderr
    if words == SWEEP:
        assert len(list(tmp_path.glob("outputs/ablation/*/model.safetensors"))) == 2


def test_an_error_of_the_system_is_told_with_path_and_remedy(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    line = error_line(full, tmp_path / "not" / "yet")
    assert line.startswith(f"{tmp_path / 'not' / 'yet'}: No space left on device (")
    assert "bytes free); free some space there" in line and "resume" not in line
    named = OSError(errno.EACCES, "Permission denied", "a/b")
    assert error_line(named, tmp_path) == "a/b: Permission denied; choose a folder that can be written"
    assert system_reason(OSError(errno.EIO, "x")) == os.strerror(errno.EIO)
    assert "Errno" not in line + error_line(named) + error_line(full)


def test_other_errors_are_told_with_their_type() -> None:
    assert error_line(MemoryError("no\nroom")) == "MemoryError: no room"
    assert error_line(KeyboardInterrupt()) == "KeyboardInterrupt"
    assert error_line(OSError("without a number")) == "OSError: without a number"
