from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support.commands import command

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An outputs/ with one small run, trained once for all tests."""
    folder = tmp_path_factory.mktemp("trained")
    words = ("data=digits", "epochs=1", "engine=torch")
    subprocess.run(command("ablate", *words), cwd=folder, check=True, capture_output=True)
    return folder / "outputs"


@pytest.fixture
def outputs(trained: Path, tmp_path: Path) -> Path:
    """A copy of the trained run in a folder of the test's own."""
    shutil.copytree(trained, tmp_path / "outputs")
    return tmp_path / "outputs"


@pytest.fixture
def run(tmp_path: Path) -> Command:
    """Runs a command in the test's folder, within other programs and with other variables; None takes one away."""

    def call(
        name: str, *words: str, within: tuple[str, ...] = (), **variables: str | None
    ) -> subprocess.CompletedProcess[str]:
        environment = {key: value for key, value in (os.environ | variables).items() if value is not None}
        started = [*within, *command(name, *words)]
        return subprocess.run(
            started, cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", errors="replace", check=False
        )

    return call
