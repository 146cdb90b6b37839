from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from lenet_ablate.rendering.streams import SPELLING, with_safe_streams


def test_characters_are_spelled_with_those_at_hand() -> None:
    assert "98.2 ± 0.1 → 5×5 … é 数".encode("ascii", SPELLING) == b"98.2 +- 0.1 -> 5x5 ... ? ?"
    assert "98.2 ± 0.1 é …".encode("latin-1", SPELLING).decode("latin-1") == "98.2 ± 0.1 é ..."
    assert os.fsdecode(b"caf\xe9").encode("utf-8", SPELLING) == rb"caf\udce9"


@pytest.mark.parametrize(("code", "status", "told"), [(3, 3, ""), (None, 0, ""), ("why\n so", 1, "why\n so\n")])
def test_a_command_that_exits_keeps_its_status_and_text(
    code: object, status: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        with_safe_streams(lambda: sys.exit(code))  # type: ignore[arg-type]
    assert stop.value.code == status and capsys.readouterr().err == told


def test_streams_are_put_back_after_any_error(monkeypatch: pytest.MonkeyPatch) -> None:
    before = sys.stdout, sys.stderr

    def fail() -> int:
        raise KeyError

    with pytest.raises(KeyError):
        with_safe_streams(fail)
    assert (sys.stdout, sys.stderr) == before


def real_stream(path: Path, monkeypatch: pytest.MonkeyPatch) -> io.TextIOWrapper:
    stream = path.open("w", encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "__stdout__", stream)
    return stream


def test_what_is_printed_arrives_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = real_stream(tmp_path / "out", monkeypatch)
    print("before")
    assert with_safe_streams(lambda: print("within ±")) == 0
    print("after")
    stream.close()
    assert (tmp_path / "out").read_text() == "before\nwithin +-\nafter\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("own", [0, 3])
def test_a_full_disk_is_said_and_costs_no_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], own: int
) -> None:
    def work() -> int:
        for _ in range(3):
            print("x" * 10_000, flush=True)
        return own

    stream = real_stream(Path("/dev/full"), monkeypatch)
    assert with_safe_streams(work) == (own or 1)
    assert capsys.readouterr().err == "standard output cannot be written: No space left on device\n"
    stream.close()
