from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from lenet_ablate.config.home import cache_home, expand_home, lend_temporary_folder, user_temporary_folder
from lenet_ablate.errors import ConfigError, DataError


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(path: Path) -> Path:
        if str(path).startswith("~"):
            raise RuntimeError("Could not determine home directory.")
        return path

    monkeypatch.setattr(Path, "expanduser", nobody)


@pytest.mark.usefixtures("homeless")
def test_only_what_begins_with_a_home_needs_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert expand_home("a/~b") == Path("a/~b")
    with pytest.raises(ConfigError, match="~/a: no home folder is known for the ~"):
        expand_home("~/a")
    with pytest.raises(DataError):
        expand_home("~/a", DataError)
    monkeypatch.delenv("LENET_ABLATE_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    with pytest.raises(FileNotFoundError):
        cache_home()
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert cache_home() == Path("/cache/lenet-ablate")
    monkeypatch.setenv("LENET_ABLATE_CACHE", "/own")
    assert cache_home() == Path("/own")


def test_temporary_files_lie_beside_the_results_only_where_there_is_no_other_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    lend_temporary_folder(tmp_path / "outputs")
    assert tempfile.gettempdir() == str(tmp_path) and not list(tmp_path.iterdir())

    def none() -> str:
        if tempfile.tempdir is None:
            raise FileNotFoundError("No usable temporary directory found")
        return str(tempfile.tempdir)

    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "gettempdir", none)
    lend_temporary_folder(tmp_path / "outputs" / "study")
    (made,) = tmp_path.iterdir()
    assert tempfile.gettempdir() == os.environ["TMPDIR"] == str(made) and made.name.startswith(".temporary-")


@pytest.mark.skipif(os.name == "nt", reason="folders have no owners of this kind there")
def test_a_users_temporary_folder_is_nobody_elses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = user_temporary_folder()
    assert folder.parent == tmp_path and folder.stat().st_mode & 0o777 == 0o700 and user_temporary_folder() == folder
    folder.chmod(0o777)
    with pytest.raises(PermissionError):
        user_temporary_folder()
    folder.rmdir()
    folder.symlink_to(tmp_path)
    with pytest.raises(PermissionError):
        user_temporary_folder()
    folder.unlink()
    folder.mkdir(mode=0o700)
    own = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: own + 1)
    (tmp_path / f"lenet-ablate-{own + 1}").mkdir(mode=0o700)
    with pytest.raises(PermissionError):
        user_temporary_folder()
