"""Every command in the README and the guides runs, on the digits data with one epoch; generated parts are fresh."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from lenet_ablate import __version__
from support.forked import Shell

ROOT = Path(__file__).parents[1]
GUIDES = ("start", "sweeps", "data", "runs", "python", "prediction", "loggers", "reports", "settings", "method", "own")
PAGES = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", *(f"docs/{g}.md" for g in GUIDES))}
# Run by hand and by continuous integration on a fresh machine; everything else is run here.
NOT_RUN_HERE = {
    "pip install .",
    "pip install tensorboard",
    "tensorboard --logdir outputs/ablation",
    "mlflow ui --backend-store-uri sqlite:///outputs/mlflow.db",
    "scripts/demo",
    "scripts/test",
    "scripts/check",
    "scripts/docs",
    "scripts/results",
    "python benchmarks/overhead.py",
}


def commands() -> list[str]:
    # docs/own.md has tests of its own.
    pages = [page for name, page in PAGES.items() if name != "docs/own.md"]
    blocks = [block for page in pages for block in re.findall(r"```console\n(.*?)```", page, re.DOTALL)]
    lines = [line.partition("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


@pytest.fixture(scope="module")
def folder(
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Where the commands run one after the other, with the user's own data that they name."""
    path = tmp_path_factory.mktemp("readme")
    random = np.random.default_rng(0)
    (path / "my_folder").mkdir()
    arrays = {}
    for part, name, count in (("train", "train", 60), ("t10k", "test", 20)):
        images, labels = random.integers(0, 256, (count, 28, 28), np.uint8), (np.arange(count) % 10).astype(np.uint8)
        arrays |= {f"x_{name}": images, f"y_{name}": labels}
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
            (path / "my_folder" / f"{part}-{kind}-ubyte").write_bytes(header + array.tobytes())
    np.savez(path / "my_data.npz", **arrays)
    (path / "nets.py").write_text(
        re.findall(r"```python\n(.*?)```", PAGES["docs/own.md"], re.DOTALL)[0], encoding="utf-8"
    )
    for number, (image, label) in enumerate(zip(arrays["x_train"], arrays["y_train"], strict=True)):
        (path / "my_data" / str(label)).mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(image).save(path / "my_data" / str(label) / f"{number}.png")
    return path


@pytest.fixture(scope="module")
def shell() -> Iterator[Shell]:
    """Forks a child for each command, which would else spend most of its time importing."""
    shell = Shell()
    yield shell
    shell.close()


@pytest.mark.slow
@pytest.mark.parametrize("command", [line for line in dict.fromkeys(commands()) if line not in NOT_RUN_HERE])
def test_the_command_runs(command: str, folder: Path, shell: Shell) -> None:
    """The figures of all runs together are drawn once, by report=true; other reports make theirs and write none."""
    words = shlex.split(command)
    assert words[0] in ("lenet-ablate", "lenet-runs", "lenet-report", "lenet-predict"), command
    if any(word.startswith("experiment=") for word in words):
        words += ["seed=0", "data.train_size=64"]
    if words[0] == "lenet-ablate" and "--help" not in words:
        kept = [word for word in words if not word.startswith("epochs=")]
        words = [*kept, "epochs=1", *([] if any(word.startswith("data=") for word in words) else ["data=digits"])]
    if "model=own" in words:
        words.append("data.train_size=64")  # PyTorch takes its time
    done = shell.run(words, folder, writes_figures=words[0] != "lenet-report")
    assert done.status == 0, done.text


def test_what_is_not_run_here_exists() -> None:
    assert set(commands()) >= NOT_RUN_HERE
    for line in NOT_RUN_HERE:
        if line.startswith("scripts/"):
            assert (ROOT / line).stat().st_mode & 0o100, line


@pytest.mark.slow
@pytest.mark.parametrize(
    "code",
    re.findall(r"```python\n(.*?)```", PAGES["docs/python.md"] + PAGES["docs/prediction.md"], re.DOTALL),
    ids=["python", "frames", "module"],
)
def test_the_python_example_runs(code: str, folder: Path) -> None:
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_generated_parts_are_fresh() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts/update-readme"), "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_the_changelog_opens_with_this_version() -> None:
    found = re.search(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    assert found[1] == __version__


def test_links_lead_somewhere() -> None:
    for name, page in PAGES.items():
        for target in re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", page):
            assert ((ROOT / name).parent / target).exists(), f"{name}: {target}"
