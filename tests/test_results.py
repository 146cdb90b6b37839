"""docs/findings.md and the README's table say what the packed runs say."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_the_pages_are_what_the_data_say() -> None:
    assert results(ROOT, "--check") == (0, "")


def results(root: Path, *words: object) -> tuple[int, str]:
    done = subprocess.run([sys.executable, root / "scripts/results", *words], capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def pages_of_pooling(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scripts and pages of a project that has published one question."""
    root = tmp_path_factory.mktemp("published")
    for name in ("scripts", "conf"):
        shutil.copytree(ROOT / name, root / name)
    (root / "docs/results/data").mkdir(parents=True)
    for path in (ROOT / "docs/results/data").glob("pooling*"):
        shutil.copy(path, root / "docs/results/data")
    for name in ("README.md", "docs/index.md"):
        shutil.copy(ROOT / name, root / name)
    assert results(root) == (0, "")
    return root


@pytest.fixture
def copy(pages_of_pooling: Path, tmp_path: Path) -> Path:
    """Such a project, to be spoilt."""
    shutil.copytree(pages_of_pooling, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.mark.parametrize("place", ["docs/findings.md", "README.md"])
def test_a_figure_that_the_data_do_not_say_is_found(copy: Path, place: str) -> None:
    page = copy / place
    changed = page.read_text(encoding="utf-8").replace("+0.10 pp", "+0.19 pp")
    assert changed != page.read_text(encoding="utf-8")
    page.write_text(changed, encoding="utf-8")
    status, told = results(copy, "--check")
    assert status == 1 and f"{place} is not what docs/results/data says" in told


def repacked(path: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    """Change what an archive holds."""
    with tarfile.open(path) as archive:
        files = {entry.name: opened.read() for entry in archive if (opened := archive.extractfile(entry))}
    change(files)
    with tarfile.open(path, "w:xz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def test_a_damaged_archive_is_named_and_nothing_is_written(copy: Path) -> None:
    path, pages = copy / "docs/results/data/pooling.tar.xz", [copy / "README.md", copy / "docs/findings.md"]
    before, whole = [page.read_bytes() for page in pages], path.read_bytes()
    for content in (whole[: len(whole) // 2], b"no archive"):
        path.write_bytes(content)
        status, told = results(copy)
        assert status == 1 and f"{path} cannot be read" in told
    assert [page.read_bytes() for page in pages] == before


def test_figures_that_were_changed_after_training_are_found(copy: Path) -> None:
    path = copy / "docs/results/data/pooling.tar.xz"

    def change(files: dict[str, bytes]) -> None:
        name = next(name for name in files if name.endswith("/result.json"))
        files[name] = files[name].replace(b'"test_accuracy": 0.98', b'"test_accuracy": 0.99')

    repacked(path, change)
    status, told = results(copy, "--check")
    assert status == 1 and "result.json differs from the SHA-256" in told


def test_a_report_of_other_runs_is_found(copy: Path) -> None:
    path = copy / "docs/results/data/pooling.tar.xz"

    def change(files: dict[str, bytes]) -> None:
        run = next(name for name in files if name.endswith("/status.json")).rpartition("/")[0]
        for name in [name for name in files if name.startswith(f"{run}/")]:
            del files[name]

    repacked(path, change)
    assert results(copy, "--check") == (1, f"scripts/results: {path}: its report is not of its runs; pack it again\n")


@pytest.mark.parametrize("marker", ["<!-- findings -->\n", "<!-- /findings -->\n"])
def test_a_front_page_without_its_marks_is_left_alone(copy: Path, marker: str) -> None:
    page = copy / "README.md"
    page.write_text(spoilt := page.read_text(encoding="utf-8").replace(marker, ""), encoding="utf-8")
    status, told = results(copy)
    assert status == 1 and "once each" in told and page.read_text(encoding="utf-8") == spoilt


def test_nothing_to_pack_is_told_and_fewer_runs_replace_no_study(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    status, told = results(copy, "--pack", tmp_path / "empty")
    assert status == 2 and "none of the studies lies here" in told
    run = tmp_path / "outputs/pooling/some_run"
    (run.parent / "sweeps").mkdir(parents=True)
    run.mkdir()
    for name in ("config.yaml", "metrics.csv", "result.json"):
        (run / name).write_text("{}")
    path = copy / "docs/results/data/pooling.tar.xz"
    before = path.read_bytes()
    for state, wanted, told in (
        ("running", 0, "pooling: not packed, 1 of 1 runs have not ended"),
        ("done", 1, "lacks runs that are packed"),
        ("", 1, "pooling: cannot be packed"),
    ):
        (run / "status.json").write_text(json.dumps({"status": state}) if state else "{broken")
        assert (found := results(copy, "--pack", tmp_path / "outputs"))[0] == wanted and told in found[1], found
    assert path.read_bytes() == before


def test_every_packed_run_is_whole() -> None:
    for path in sorted((ROOT / "docs/results/data").glob("*.tar.xz")):
        with tarfile.open(path) as archive:
            within = f"{path.name.removesuffix('.tar.xz')}/"
            files = {
                entry.name.removeprefix(within): opened.read()
                for entry in archive
                if (opened := archive.extractfile(entry))
            }
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
