"""Machines without a home, a user's name, a temporary folder or a root that can be written."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]
NAMELESS = ("unshare", "--user", "--map-user=54321", "--map-group=54321")
NO_HOME = {"HOME": None, "XDG_CACHE_HOME": None, "LENET_ABLATE_CACHE": None, "MPLCONFIGDIR": None}
# Only the folder given first can be written.
READ_ONLY = """
set -e
writable=$1; root=$2; shift 2
mount --rbind / "$root"; mount -o remount,bind,ro "$root"; mount --bind "$writable" "$root$writable"
cd "$writable"; exec chroot "$root" sh -c 'cd /; exec "$@"' sh "$@"
"""


def permitted(*words: str) -> bool:
    return shutil.which(words[0]) is not None and not subprocess.run([*words, "true"], capture_output=True).returncode


@pytest.fixture(scope="module")
def nameless() -> tuple[str, ...]:
    if not permitted(*NAMELESS):
        pytest.skip("needs unshare with user namespaces")
    return NAMELESS


def test_a_user_without_name_and_home_can_do_everything(run: Command, outputs: Path, nameless: tuple[str, ...]) -> None:
    for words in (
        ("ablate", "data=digits", "epochs=1", "engine=torch", "study=b"),
        ("report", "outputs", "--study", "b"),
    ):
        done = run(*words, within=nameless, **NO_HOME)
        assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr


@pytest.mark.parametrize(
    ("words", "variables"),
    [
        (("data=digits", "output_dir=~/x"), {}),
        (("data=npz", "data.path=~/x.npz", "engine=torch"), {}),
        (("engine=torch",), {"LENET_ABLATE_DATA": "~/x"}),
        (("data=digits", "output_dir=~nobody-has-this-name/x"), {}),
    ],
)
def test_a_home_that_is_not_known_is_one_line(
    run: Command, tmp_path: Path, nameless: tuple[str, ...], words: tuple[str, ...], variables: dict[str, str]
) -> None:
    done = run("ablate", "epochs=1", *words, within=nameless, **NO_HOME | variables)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("no home folder is known for the ~; write the whole path, or set HOME")
    assert "Traceback" not in done.stderr and not list(tmp_path.glob("*/*/*/model.safetensors"))


def test_a_logger_that_needs_a_home_is_one_line(run: Command, nameless: tuple[str, ...]) -> None:
    pytest.importorskip("mlflow")
    words = ("data=digits", "epochs=1", "logger=mlflow", "engine=torch")
    done = run("ablate", *words, within=nameless, **NO_HOME)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "logger=mlflow: its library cannot be used here" in done.stderr and "set HOME" in done.stderr


def test_a_read_only_root_leaves_everything_that_needs_the_results_alone(run: Command, outputs: Path) -> None:
    if not permitted("unshare", "--user", "--map-root-user", "--mount") or not shutil.which("chroot"):
        pytest.skip("needs chroot, and unshare with user and mount namespaces")
    root = outputs.parent / "root"
    root.mkdir()
    namespace = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", READ_ONLY, "sh")
    within = (*namespace, str(outputs), str(root))
    for words in (
        ("ablate", "data=digits", "epochs=1", "engine=torch", "seed=1", f"output_dir={outputs}"),
        ("report", str(outputs)),
        ("predict", "--outputs", str(outputs), "--test", "2", "--show", str(outputs / "grid.png")),
    ):
        done = run(*words, within=within, **NO_HOME, TMPDIR=None)
        assert done.returncode == 0 and "Traceback" not in done.stderr, done.stdout + done.stderr
    left = {path.name for path in outputs.iterdir()}
    assert left == {"ablation", "report", "grid.png"}
    done = run("ablate", "data=digits", "epochs=1", "engine=torch", within=within, **NO_HOME, TMPDIR=None)
    assert (
        done.returncode == 1
        and "outputs/ablation: / cannot be written; output_dir=… names another folder" in done.stderr
    )
