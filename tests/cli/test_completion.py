"""What Tab offers: every setting and every value of each, in the shell as the README switches it on."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lenet_ablate.cli.completion import completions
from lenet_ablate.config.checks import Check, OneOf, Optional
from lenet_ablate.config.experiments import experiment_names
from lenet_ablate.config.folder import config_dir
from lenet_ablate.config.grid_words import GRID_WORDS
from lenet_ablate.config.settings import NAMED_GROUPS, iter_settings


def offered(line: str) -> list[str]:
    return completions(f"lenet-ablate {line}", [config_dir()])


def test_every_setting_can_be_reached_by_what_is_offered() -> None:
    reached, waiting = set[str](), [""]
    while waiting:
        words = offered(waiting.pop())
        waiting += [word for word in words if word.endswith(".")]
        reached |= set(words)
    named = {f"{group}.{name}" for group, name in NAMED_GROUPS.items()}
    settings = {key for key, _ in iter_settings()} - named
    assert {f"{key}=" for key in (*settings, *NAMED_GROUPS, *GRID_WORDS)} <= reached
    assert "hydra.launcher.workers=" in reached and "hydra/launcher=" in reached


@pytest.mark.parametrize(("key", "check"), [(key, field.metadata.get("check")) for key, field in iter_settings()])
def test_every_value_of_a_choice_is_offered(key: str, check: Check | None) -> None:
    inner = check.check if isinstance(check, Optional) else check
    if not isinstance(inner, OneOf) or (key.partition(".")[0] in NAMED_GROUPS and key.endswith(".name")):
        return
    assert {f"{key}={word}" for word in inner.words} <= set(offered(f"{key}="))


def test_choices_in_folders_experiments_and_schedules_are_offered() -> None:
    assert {"data=mnist", "data=playground/circle"} <= set(offered("data="))
    assert offered("experiment=") == [f"experiment={name}" for name in experiment_names([config_dir()])]
    assert {"lr=0.001", "lr=step", "lr=one_cycle"} <= set(offered("lr="))
    assert offered("plan=") == ["plan=false", "plan=true"]
    assert offered("optimizer.momentum=") == [
        "optimizer.momentum=0",
        "optimizer.momentum=0.9",
        "optimizer.momentum=null",
    ]


def test_a_sweep_is_offered_what_it_has_not_yet() -> None:
    assert offered("pool=max,") == ["pool=max,avg"]
    assert offered("activation=relu,t") == ["activation=relu,tanh"]


def test_files_are_offered_where_a_path_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    (tmp_path / "digits" / "a.npz").touch()
    (tmp_path / ".hidden").touch()
    assert offered("data.path=") == ["data.path=digits/"]
    assert offered("data.path=digits/") == ["data.path=digits/a.npz"]
    assert offered("output_dir=.h") == ["output_dir=.hidden"]
    assert offered("data.path=nowhere/") == []
    assert offered("--config-dir di") == ["digits/"]


def test_help_is_offered_its_topics() -> None:
    assert {"optimizer", "optimizer.momentum"} <= set(offered("--help opt"))
    assert offered("--v") == ["--version"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("typed", "found"), [("pool=", "pool=avg pool=max"), ("hydra/launcher=l", "hydra/launcher=local")]
)
def test_bash_completes_as_the_readme_says(typed: str, found: str) -> None:
    program = Path(sys.executable).with_name("lenet-ablate")
    script = f"""
    PATH={program.parent}:$PATH
    eval "$(lenet-ablate -sc install=bash)"
    COMP_LINE="lenet-ablate {typed}" COMP_POINT=99 COMP_WORDS=(lenet-ablate {typed}) COMP_CWORD=1
    hydra_bash_completion
    echo "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert (done.stdout.strip(), done.returncode) == (found, 0), done.stderr
