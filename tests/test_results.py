"""docs/findings.md and the README's table say what the packed runs say."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def check(root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(root / "scripts/results"), "--check"]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_pages_are_what_the_data_say() -> None:
    done = check(ROOT)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("place", ["docs/findings.md", "README.md"])
def test_a_figure_that_the_data_do_not_say_is_found(tmp_path: Path, place: str) -> None:
    for name in ("scripts", "docs", "conf"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "README.md", tmp_path / "README.md")
    assert check(tmp_path).returncode == 0
    page = tmp_path / place
    changed = page.read_text(encoding="utf-8").replace("+0.10 pp", "+0.19 pp")
    assert changed != page.read_text(encoding="utf-8")
    page.write_text(changed, encoding="utf-8")
    done = check(tmp_path)
    assert done.returncode == 1 and f"{place} is not what docs/results/data says" in done.stderr


def test_every_packed_run_is_whole() -> None:
    for path in sorted((ROOT / "docs/results/data").glob("*.tar.xz")):
        with tarfile.open(path) as archive:
            files = {entry.name: opened.read() for entry in archive if (opened := archive.extractfile(entry))}
        runs = {name.partition("/")[0] for name in files if name.endswith("/status.json")}
        for run in runs:
            assert {f"{run}/{name}" for name in ("config.yaml", "metrics.csv", "result.json")} <= set(files)
            assert json.loads(files[f"{run}/status.json"])["status"] in ("done", "diverged")
        assert runs


def test_no_packed_file_names_a_folder_of_the_machine_it_was_made_on() -> None:
    for path in sorted((ROOT / "docs/results/data").glob("*.tar.xz")):
        with tarfile.open(path) as archive:
            for entry in archive:
                opened = archive.extractfile(entry)
                told = re.findall(
                    rb"(?<![\w.])/(?:tmp|home|root|work|Users)/\S{1,40}", opened.read() if opened else b""
                )
                assert not told, (path.name, entry.name, told[:3])
