"""What is published: the wheel and the sdist hold what they should, nothing else, and say the right things."""

from __future__ import annotations

import email.message
import email.parser
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from lenet_ablate import __version__

ROOT = Path(__file__).parents[1]
NAME = f"lenet_ablate-{__version__}"


def build(project: Path, folder: Path, target: str) -> Path:
    """Build with the backend that pyproject.toml names, from what is installed."""
    words = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    subprocess.run(words, cwd=project, check=True, capture_output=True)
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    return zipfile.ZipFile(build(ROOT, tmp_path_factory.mktemp("wheel"), "wheel"))


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist's content."""
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(build(ROOT, folder, "sdist")) as archive:
        archive.extractall(folder, filter="data")
    return folder / NAME


def metadata(wheel: zipfile.ZipFile) -> email.message.Message:
    return email.parser.BytesParser().parsebytes(wheel.read(f"{NAME}.dist-info/METADATA"))


def files(*folders: str) -> set[str]:
    """The files of folders of the checkout, compiled ones left out."""
    found = (path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file())
    return {path.relative_to(ROOT).as_posix() for path in found if "__pycache__" not in path.parts}


def test_the_wheel_holds_the_packages_and_the_configurations_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    held = {name for name in wheel.namelist() if not name.startswith(f"{NAME}.dist-info/")}
    sources = {name.removeprefix("src/") for name in files("src/lenet_ablate", "src/hydra_plugins")}
    assert held == sources | {f"lenet_ablate/{name}" for name in files("conf")}
    assert "lenet_ablate/conf/config.yaml" in held and "lenet_ablate/py.typed" in held


def test_the_plugins_stay_in_a_namespace_that_others_share(wheel: zipfile.ZipFile) -> None:
    """An `__init__.py` would hide every other plugin of Hydra's from it."""
    plugins = [PurePosixPath(name) for name in wheel.namelist() if name.startswith("hydra_plugins/")]
    assert plugins and {path.parts[1] for path in plugins} == {"lenet_ablate"}


def test_metadata_and_commands_say_what_the_package_says(wheel: zipfile.ZipFile) -> None:
    about = metadata(wheel)
    assert about["Version"] == __version__ and about["License-Expression"] == "MIT"
    assert about["License-File"] == "LICENSE" and about["Requires-Python"] == ">=3.11"
    assert about["Description-Content-Type"] == "text/markdown"
    assert about.get_payload(decode=True) == (ROOT / "README.md").read_bytes()
    commands = wheel.read(f"{NAME}.dist-info/entry_points.txt").decode()
    for command in ("lenet-ablate", "lenet-report", "lenet-predict", "lenet-runs"):
        assert f"\n{command} = lenet_ablate." in commands


def test_every_version_that_is_promised_is_asked_for(wheel: zipfile.ZipFile) -> None:
    """The classifiers name the versions from `requires-python` on without a gap."""
    classes = metadata(wheel).get_all("Classifier") or []
    minors = sorted(int(name.rpartition(".")[2]) for name in classes if "Python :: 3." in name)
    assert minors == list(range(11, 11 + len(minors))) and len(minors) >= 3


def test_a_wheel_made_from_the_sdist_is_the_same(wheel: zipfile.ZipFile, unpacked: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(build(unpacked, tmp_path / "again", "wheel")) as again:
        assert again.namelist() == wheel.namelist()
        assert all(again.read(name) == wheel.read(name) for name in wheel.namelist())


def test_the_sdist_holds_what_tests_and_scripts_read(unpacked: Path) -> None:
    folders = ("conf", "docs", "scripts", "src", "tests", "benchmarks", ".ci")
    held = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    top = {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE", "pyproject.toml"}
    added = {"PKG-INFO", ".gitignore"}
    assert held - added == files(*folders) | top


def test_the_licences_are_those_of_what_is_installed() -> None:
    done = subprocess.run([sys.executable, ROOT / "scripts/licences", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
