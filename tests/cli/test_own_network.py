"""The page on own networks, followed from its command to predictions, with a line edited in between."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.forked import Shell

PAGE = (Path(__file__).parents[2] / "docs/own.md").read_text(encoding="utf-8")
NETS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[0]
TRAIN = re.findall(r"```console\n(lenet-ablate .*?)\n", PAGE)[0]


@pytest.fixture
def shell() -> Iterator[Shell]:
    shell = Shell()
    yield shell
    shell.close()


@pytest.mark.slow
def test_an_own_network_is_swept_reported_and_edited(tmp_path: Path, shell: Shell) -> None:
    (tmp_path / "nets.py").write_text(NETS, encoding="utf-8")
    study = tmp_path / "outputs/resnet"

    def call(line: str) -> str:
        done = shell.run(shlex.split(line), tmp_path)
        assert done.status == 0, done.text
        return done.text

    def runs() -> set[Path]:
        return {path.parent for path in study.glob("*/result.json")}

    assert "12 runs" in call(f"{TRAIN} plan=true")
    command = f"{TRAIN} epochs=1 seed=0"  # the last one counts
    assert "4 runs" in call(command)
    first = runs()
    assert len(first) == 4
    assert all((run / "own/nets.py").read_text(encoding="utf-8") == NETS for run in first)
    report = call("lenet-report outputs --study resnet")
    assert "width" in report and "dropout" in report
    shutil.copy(tmp_path / "nets.py", tmp_path / "moved.py")
    call("lenet-predict --test 5 --show best.png --study resnet --factory moved.py:resnet")
    before = {run: (run / "model.safetensors").read_bytes() for run in first}
    (tmp_path / "nets.py").write_text(NETS.replace("width=16", "width=17"), encoding="utf-8")
    assert "4 runs" in call(command)
    assert len(runs()) == 8 and before == {run: (run / "model.safetensors").read_bytes() for run in first}
