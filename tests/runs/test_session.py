"""The session in docs/ is what the commands print."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_session_in_docs_is_what_the_commands_print() -> None:
    script = runpy.run_path(str(ROOT / "scripts/session"))
    written = (ROOT / "docs/session.md").read_text(encoding="utf-8")
    assert script["masked"](script["session"]()) == script["masked"](written)
    assert written.count("\n$ ") == 20
    assert not {"Traceback", str(Path.home()), "/tmp"} & set(written.split())
