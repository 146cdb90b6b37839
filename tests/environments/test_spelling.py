"""Encodings that lack characters, and streams that take nothing."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support.commands import command

Command = Callable[..., subprocess.CompletedProcess[str]]
HELP = ("ablate", "--help")
REFUSED = ("ablate", "data=digits", "study=é")
SKIPPED = ("ablate", "data=digits", "epochs=1", "engine=torch")
REPORT = ("report", "outputs", "--out", "é±")
NO_RUNS = ("report", "±")
NO_PICTURE = ("predict", "é█.png")
STATUS = {HELP: 0, REFUSED: 1, SKIPPED: 0, REPORT: 0, NO_RUNS: 2, NO_PICTURE: 2}


@pytest.mark.parametrize(
    ("words", "encoding"), [*((words, "ascii") for words in STATUS), (HELP, "cp1252"), (NO_PICTURE, "cp1252")]
)
def test_every_command_speaks_every_encoding(
    run: Command, outputs: Path, words: tuple[str, ...], encoding: str
) -> None:
    done = run(*words, PYTHONIOENCODING=f"{encoding}:strict")
    assert done.returncode == STATUS[words], done.stderr
    assert "Traceback" not in done.stderr and done.stdout + done.stderr


def test_what_an_encoding_lacks_is_spelled_with_what_it_has(run: Command, outputs: Path) -> None:
    done = run(*HELP, PYTHONIOENCODING="ascii:strict")
    assert "setting=value[,value...]" in done.stdout and "N(0, 0.1^2)" in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
@pytest.mark.parametrize(
    ("words", "stream"),
    [(HELP, ">&-"), (HELP, "2>&1 | true"), (REFUSED, "2>&-"), (REFUSED, "2>&1 | true"), (NO_RUNS, ">&- 2>&-")],
)
def test_closed_and_broken_streams_change_no_exit_status(tmp_path: Path, words: tuple[str, ...], stream: str) -> None:
    script = f"({shlex.join(command(*words))}; echo $? > status) {stream}"
    done = subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert int((tmp_path / "status").read_text()) == STATUS[words]
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_is_cut_off_is_said(run: Command, tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command("report", "--help"), stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "standard output cannot be written: No space left on device\n"
