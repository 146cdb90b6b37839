"""Plans as compressed lines: whole or refused, and read beside those of an earlier version."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from lenet_ablate.config.choices import Pool
from lenet_ablate.config.plan import identity, run_name
from lenet_ablate.config.settings import RunConfig, to_mapping
from lenet_ablate.records import plan_lines
from lenet_ablate.records.plan_lines import SUFFIX, to_lines
from lenet_ablate.records.plans import MAX_LEVELS, is_plan, read_plans
from lenet_ablate.records.settings import config_bytes, config_json

CONFIGS = [RunConfig(seed=seed, pool=pool) for seed in range(30) for pool in Pool]
ABOUT = {"format": 1, "created": "2026-01-01T00:00:00+00:00", "command": "lenet-ablate", "factors": {"seed": ["0"]}}


def write(study: Path, name: str = "one", about: dict[str, object] = ABOUT) -> Path:
    path = study / "sweeps" / f"{name}{SUFFIX}"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(to_lines(about, ((config, (f"seed={config.seed}",)) for config in CONFIGS), len(CONFIGS)))
    return path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = write(tmp_path)
    plans = read_plans(tmp_path)
    (sweep,) = plans.sweeps
    assert not plans.ignored and is_plan(tmp_path, path.name)
    assert [run.config for run in sweep.runs] == CONFIGS
    assert [(run.run, run.identity) for run in sweep.runs] == [(run_name(c), identity(c)) for c in CONFIGS]
    assert (sweep.command, sweep.factors) == ("lenet-ablate", {"seed": ("0",)})
    assert len(read_plans(tmp_path, known={run_name(c) for c in CONFIGS[5:]}).sweeps[0].runs) == 5


def test_equal_plans_are_equal_bytes(tmp_path: Path) -> None:
    assert write(tmp_path, "one").read_bytes() == write(tmp_path, "two").read_bytes()


@pytest.mark.skipif(shutil.which("zcat") is None, reason="needs zcat")
def test_zcat_reads_it_line_by_line(tmp_path: Path) -> None:
    out = subprocess.run(["zcat", write(tmp_path)], capture_output=True, check=True).stdout
    about, *runs = map(json.loads, out.splitlines())
    assert about["num_runs"] == len(runs) == len(CONFIGS)
    assert runs[3] == {
        "run": run_name(CONFIGS[3]),
        "identity": identity(CONFIGS[3]),
        "overrides": ["seed=1"],
        "config": json.loads(json.dumps(to_mapping(CONFIGS[3]))),
    }


def test_plans_of_an_earlier_version_are_read_beside_it(tmp_path: Path) -> None:
    runs = [{"run": run_name(c), "identity": identity(c), "config": to_mapping(c)} for c in CONFIGS[:2]]
    write(tmp_path)
    (tmp_path / "sweeps/old.json").write_text(json.dumps({**ABOUT, "created": "2025", "runs": runs}))
    old, new = read_plans(tmp_path).sweeps
    assert [run.config for run in old.runs] == CONFIGS[:2] and len(new.runs) == len(CONFIGS)
    assert is_plan(tmp_path, "old.json")


def test_no_cut_and_no_flip_is_taken_for_a_plan(tmp_path: Path) -> None:
    path = write(tmp_path)
    whole = path.read_bytes()
    for end in range(0, len(whole), 97):
        path.write_bytes(whole[:end])
        assert not is_plan(tmp_path, path.name), end
        assert read_plans(tmp_path).sweeps == () and len(read_plans(tmp_path).ignored) == 1, end
    for place in range(10, len(whole), 61):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert not is_plan(tmp_path, path.name), place
        assert read_plans(tmp_path).sweeps == (), place


def test_lines_that_are_lost_between_others_are_missed(tmp_path: Path) -> None:
    path = write(tmp_path)
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    path.write_bytes(gzip.compress(b"".join(lines[:5] + lines[6:])))
    assert not is_plan(tmp_path, path.name)
    assert read_plans(tmp_path).ignored == (f"{path.name} is cut off",)


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_lines, "MAX_LINE", 1 << 16)
    path = write(tmp_path)
    path.write_bytes(gzip.compress(b" " * (1 << 22)))
    assert read_plans(tmp_path).ignored == (f"{path.name} is larger than any plan",)
    monkeypatch.setattr(plan_lines, "MAX_TEXT", 1 << 14)
    path.write_bytes(gzip.compress(json.dumps({**ABOUT, "num_runs": 1}).encode() + b"\n{}" * (1 << 14)))
    assert read_plans(tmp_path).sweeps == ()


def test_a_hundred_thousand_levels_are_no_error(tmp_path: Path) -> None:
    levels = [str(seed) for seed in range(100_000)]
    assert len(levels) <= MAX_LEVELS
    write(tmp_path, about={**ABOUT, "factors": {"seed": levels}})
    (sweep,) = read_plans(tmp_path).sweeps
    assert sweep.factors is not None and len(sweep.factors["seed"]) == 100_000


@pytest.mark.parametrize("config", CONFIGS[:2])
def test_settings_piece_by_piece_are_as_they_are_whole(config: RunConfig) -> None:
    from lenet_ablate.config.yaml_text import to_yaml

    assert config_bytes(config) == to_yaml(to_mapping(config))
    assert json.loads(config_json(config)) == json.loads(json.dumps(to_mapping(config)))
