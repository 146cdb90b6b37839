from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import pytest

from lenet_ablate.engines.compiled import cache, digests, kernels
from lenet_ablate.errors import EngineError

TRAIN = """
import hashlib, sys
import numpy as np
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.datasets.base import Dataset
from lenet_ablate.engines.base import Batches, Split
from lenet_ablate.engines.compiled.engine import CompiledEngine
from lenet_ablate.config.plan import make_plan
random = np.random.default_rng(0)
images, labels = random.integers(0, 256, (200, 32, 32), np.uint8), random.integers(0, 10, 200).astype(np.uint8)
indices, data = np.arange(200, dtype=np.int32), Dataset(images, labels, images, labels, 0.1, 0.3)
learner = CompiledEngine().learner(make_plan(RunConfig(), 6000, 200), data, indices, indices)
losses = learner.train(Batches(np.tile(indices, 16), np.full(50, 0.001)))
state = b"".join(array.tobytes() for array in [losses, *learner.state().values()])
print(hashlib.sha256(state).hexdigest(), learner.evaluate(Split.test).loss)
print(sorted({"torch", "torchvision"} & set(sys.modules)))
"""


def run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, cache.CACHE_VARIABLE: str(folder)}
    command = [sys.executable, "-P", "-c", script]
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=True)


@pytest.mark.soak
def test_the_first_process_gives_the_bits_of_the_second(tmp_path: Path) -> None:
    (tmp_path / "types.py").write_text("raise SystemExit('a module of the user, not of the standard library')")
    first, second = run(TRAIN, tmp_path), run(TRAIN, tmp_path)
    assert "compiling the engine for this machine, once" in first.stderr
    assert second.stderr == ""
    assert first.stdout == second.stdout
    assert first.stdout.rstrip().endswith("[]")


def test_nothing_is_compiled_in_this_process() -> None:
    for entry in vars(kernels.load_kernels()).values():
        assert (sum(entry.stats.cache_hits.values()), sum(entry.stats.cache_misses.values())) == (1, 0)
        with pytest.raises(TypeError, match="No matching definition"):
            entry(*[np.zeros(3)] * entry.__code__.co_argcount)


def test_without_a_cache_nothing_is_compiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(kernels, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(kernels, "_compile_in_child", lambda dtype: None)
    with pytest.raises(EngineError, match="does not keep the compiled code"):
        kernels.load_kernels.__wrapped__("float32")


@pytest.fixture
def no_temporary_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> Path:
        raise PermissionError

    monkeypatch.setattr(cache, "user_temporary_folder", refuse)


@pytest.mark.usefixtures("no_temporary_place")
def test_a_folder_that_cannot_be_written_is_replaced(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(cache.CACHE_VARIABLE, str(tmp_path / "file"))
    monkeypatch.setenv(cache.CACHE_FOLDER, "")
    folder = cache.cache_folder.__wrapped__()
    assert folder.is_dir() and os.environ[cache.CACHE_FOLDER] == str(folder)
    assert cache.CACHE_VARIABLE in capsys.readouterr().err
    folder.rmdir()


def test_a_home_that_cannot_be_written_is_replaced_by_a_folder_that_stays_and_told_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(cache.CACHE_VARIABLE, str(tmp_path / "file"))
    monkeypatch.setenv(cache.CACHE_FOLDER, "")
    monkeypatch.setattr(cache, "user_temporary_folder", lambda: tmp_path)
    folder = cache.cache_folder.__wrapped__()
    assert folder.parent == tmp_path and os.environ[cache.CACHE_FOLDER] == ""
    assert f"cannot keep the compiled code; it is kept in {tmp_path}" in capsys.readouterr().err
    assert cache.cache_folder.__wrapped__() == folder and capsys.readouterr().err == ""


def test_code_of_another_user_is_not_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(cache.CACHE_VARIABLE, str(tmp_path / "shared"))
    monkeypatch.setenv(cache.CACHE_FOLDER, "")
    monkeypatch.setattr(cache, "user_temporary_folder", lambda: tmp_path)
    assert cache.cache_folder.__wrapped__().parent == tmp_path / "shared"
    own = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: own + 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache, "_is_usable", lambda folder: folder.parent == tmp_path)
        assert cache.cache_folder.__wrapped__().parent == tmp_path
    assert not cache._is_usable(tmp_path / "shared")


def test_where_locks_do_not_work_another_place_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cache, "fault_within", lambda folder: "No locks available")
    assert not cache._is_usable(tmp_path)


@pytest.fixture
def compiled(tmp_path: Path) -> Path:
    """A copy of the folder in which Numba keeps the code of these very sources; other places have their own."""
    kept = Path(kernels.load_kernels().train_steps.stats.cache_path)  # type: ignore[attr-defined]
    return Path(shutil.copytree(kept, tmp_path / f"kernels-{'0' * 16}" / kept.name))


def test_code_is_whole_as_it_was_signed(compiled: Path) -> None:
    assert digests.is_whole(compiled)


@pytest.mark.parametrize("kind", ["nbi", "nbc"])
@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "lost", "more"])
def test_damaged_code_is_never_loaded(
    compiled: Path, kind: str, damage: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = sorted(compiled.glob(f"*.{kind}"))[0]
    content = path.read_bytes()
    middle = len(content) // 2
    if damage == "lost":
        path.unlink()
    elif damage == "more":
        path.with_name(f"other.{kind}").write_bytes(content)
    else:
        worse = {"flip": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]}
        path.write_bytes({**worse, "cut": content[:middle], "empty": b""}[damage])
    assert not digests.is_whole(compiled)
    monkeypatch.setattr(kernels, "_numba_folder", lambda entries: compiled)
    with pytest.raises(kernels.NotCachedError):
        kernels._from_cache("float32")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"a": 1}', "[" * 100_000])
def test_signatures_that_are_none_vouch_for_nothing(compiled: Path, text: str) -> None:
    (compiled / digests.DIGESTS).write_text(text)
    assert not digests.is_whole(compiled)


def test_what_is_signed_and_still_not_to_be_loaded_is_compiled_again(
    compiled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in compiled.glob("*.nbi"):
        path.write_bytes(b"no index")
    digests.sign(compiled)
    monkeypatch.setattr(kernels, "cache_folder", lambda: compiled.parent)
    with pytest.raises(kernels.NotCachedError):
        kernels._from_cache("float32")
    assert not list(compiled.glob("*.nb?"))


@pytest.mark.usefixtures("no_temporary_place")
def test_a_complete_cache_that_cannot_be_written_is_used(
    compiled: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(cache.CACHE_VARIABLE, str(tmp_path))
    monkeypatch.setenv(cache.CACHE_FOLDER, "")
    name = cache.cache_folder.__wrapped__().name
    (tmp_path / name).rmdir()
    compiled.parent.rename(tmp_path / name)

    def refuse(dir: Path) -> None:
        raise PermissionError

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    private = cache.cache_folder.__wrapped__()
    assert digests.is_whole(private / compiled.name)
    assert private.parent != tmp_path and capsys.readouterr().err == ""
    shutil.rmtree(private)


def test_without_a_compiler_pytorch_takes_over_with_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "lenet_ablate", "data=digits", "epochs=1"]
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and "training with torch on cpu" in done.stdout
    assert done.stderr.splitlines()[0].startswith("warning: engine=compiled: NUMBA_DISABLE_JIT is set")


OWN, OTHER, THIRD = (f"kernels-{digit * 16}" for digit in "abc")
OLD = cache.UNUSED_DAYS + 1


def leave(path: Path, days: float) -> Path:
    """What a version leaves behind that was last loaded so many days ago."""
    code = path / f"compiled_{'0' * 40}"
    code.mkdir(parents=True)
    (code / "network.evaluate-1.py311.nbi").touch()
    (path / cache.LOCK).touch()
    return age(path, days)


def age(path: Path, days: float) -> Path:
    then = time.time() - days * 24 * 3600
    os.utime(path, (then, then), follow_symlinks=False)
    return path


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_what_no_version_uses_any_more_is_removed(tmp_path: Path) -> None:
    for name, days in {OWN: OLD, OTHER: OLD, THIRD: cache.UNUSED_DAYS - 1}.items():
        leave(tmp_path / name, days)
    cache.remove_unused(tmp_path / OWN)
    assert names(tmp_path) == {OWN, THIRD}
    for kept in (OWN, THIRD):
        assert len(names(tmp_path / kept)) == 2


@pytest.mark.parametrize("name", ["kernels-mine", f"{OTHER}0", OTHER.upper(), f"old-{OTHER}", "speeds"])
def test_names_of_others_stay(tmp_path: Path, name: str) -> None:
    leave(tmp_path / name, OLD)
    cache.remove_unused(tmp_path / OWN)
    assert names(tmp_path) == {name}


@pytest.mark.parametrize("name", ["thesis", f"kernels-{'0' * 16}", ".git"])
def test_a_folder_with_something_else_in_it_stays_whole(tmp_path: Path, name: str) -> None:
    folder = leave(tmp_path / OTHER, OLD)
    (folder / name).mkdir()
    before = names(age(folder, OLD))
    cache.remove_unused(tmp_path / OWN)
    assert names(folder) == before


def test_files_and_what_lies_behind_links_stay(tmp_path: Path) -> None:
    target = leave(tmp_path / "elsewhere", OLD)
    caches = tmp_path / "caches"
    caches.mkdir()
    (caches / OTHER).symlink_to(target)
    (caches / THIRD).touch()
    inner = leave(caches / f"kernels-{'d' * 16}", OLD)
    (inner / f"compiled_{'1' * 40}").symlink_to(target)
    for path in (caches / OTHER, caches / THIRD, inner):
        age(path, OLD)
    cache.remove_unused(caches / OWN)
    assert names(caches) == {OTHER, THIRD, inner.name}
    assert len(names(target)) == 2


def test_a_private_folder_has_no_siblings(tmp_path: Path) -> None:
    leave(tmp_path / OTHER, OLD)
    cache.remove_unused(tmp_path / "lenet-ablate-x7")
    assert names(tmp_path) == {OTHER}


def test_a_folder_that_somebody_compiles_into_stays(tmp_path: Path) -> None:
    folder = leave(tmp_path / OTHER, OLD)
    hold = "import sys, filelock; lock = filelock.FileLock(sys.argv[1]).acquire(); print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", hold, str(folder / cache.LOCK)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin and other.stdout
        other.stdout.readline()
        cache.remove_unused(tmp_path / OWN)
        assert len(names(folder)) == 2
        other.stdin.close()
    cache.remove_unused(tmp_path / OWN)
    assert not folder.exists()


def test_what_cannot_be_removed_stays_without_a_word(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (OTHER, THIRD):
        leave(tmp_path / name, OLD)
    remove = shutil.rmtree

    def refuse(path: Path) -> None:
        if path.parent.name == OTHER:
            raise PermissionError
        remove(path)

    monkeypatch.setattr(shutil, "rmtree", refuse)
    cache.remove_unused(tmp_path / OWN)
    cache.remove_unused(tmp_path / "missing" / OWN)
    assert names(tmp_path) == {OTHER}
    assert capsys.readouterr() == ("", "")


def test_a_folder_is_marked_when_it_is_to_be_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(cache.CACHE_VARIABLE, str(tmp_path))
    folder = age(cache.cache_folder.__wrapped__(), OLD)
    assert cache.cache_folder.__wrapped__() == folder
    assert time.time() - folder.stat().st_mtime < 3600


class Loads:
    """Stands for `_from_cache`: the code is there once it has been compiled."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path, error: Exception | None = None) -> None:
        self.compiled, self.error, self.asked = 0, error, threading.Event()
        monkeypatch.setattr(kernels, "cache_folder", lambda: folder)
        monkeypatch.setattr(kernels, "_from_cache", self._load)
        monkeypatch.setattr(kernels, "_compile_in_child", self._compile)

    def _load(self, dtype: str) -> str:
        self.asked.set()
        if not self.compiled:
            raise kernels.NotCachedError
        return f"kernels of {dtype}"

    def _compile(self, dtype: str) -> None:
        if self.error:
            raise self.error
        self.compiled += 1


def test_only_who_has_compiled_clears_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    leave(tmp_path / OTHER, OLD)
    loads = Loads(monkeypatch, tmp_path / OWN, EngineError("no compiler"))
    with pytest.raises(EngineError, match="no compiler"):
        kernels.load_kernels.__wrapped__()
    assert names(tmp_path) == {OWN, OTHER}
    loads.error = None
    assert kernels.load_kernels.__wrapped__() == "kernels of float32"
    assert names(tmp_path) == {OWN}
    leave(tmp_path / OTHER, OLD)
    kernels.load_kernels.__wrapped__()
    assert names(tmp_path) == {OWN, OTHER}
    assert loads.compiled == 1


def test_who_waits_for_a_folder_that_is_removed_compiles_it_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = leave(tmp_path / OTHER, OLD)
    loads, found = Loads(monkeypatch, folder), list[Any]()
    waiter = threading.Thread(target=lambda: found.append(kernels.load_kernels.__wrapped__()))
    with filelock.FileLock(folder / cache.LOCK):
        waiter.start()
        loads.asked.wait()
        time.sleep(0.2)  # for it to find the lock held; if it does not, the folder is gone before, which is as good
        folder.rename(tmp_path / "gone")
    waiter.join()
    assert (found, loads.compiled) == (["kernels of float32"], 1)
    assert folder.is_dir()
