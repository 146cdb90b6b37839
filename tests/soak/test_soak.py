"""Every promise at a tenth of its length: `scripts/test -m soak`; `scripts/soak` tries the whole of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from soak.__main__ import PROMISES


@pytest.mark.soak
@pytest.mark.skipif(not hasattr(os, "fork"), reason="trials are forked")
@pytest.mark.parametrize("promise", PROMISES)
def test_the_promise_holds(promise: str) -> None:
    command = [sys.executable, "-m", "soak", "--share", "0.1", "--only", promise]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
