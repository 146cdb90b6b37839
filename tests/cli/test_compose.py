"""The fast composition must give what Hydra's own, complete one gives."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from hydra_plugins.lenet_ablate._axes import Grid, expand_grid
from hydra_plugins.lenet_ablate._compose import compose_points
from hydra_plugins.lenet_ablate._grid import make_sweep
from lenet_ablate.config.folder import config_dir
from lenet_ablate.config.schedules import StepDecay
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.errors import ConfigError
from lenet_ablate.report.page.commands import variant_command, variants_command


@pytest.fixture
def hydra() -> Iterator[tuple[ConfigLoader, DictConfig]]:
    main = Hydra.create_main_hydra2("lenet-ablate", create_config_search_path(str(config_dir())))
    yield main.config_loader, main.compose_config("config", [], RunMode.MULTIRUN)
    GlobalHydra.instance().clear()


def test_every_point_equals_hydras_own_composition(hydra: tuple[ConfigLoader, DictConfig], tmp_path: Path) -> None:
    loader, master = hydra
    words = ["lr=0.01,step,{initial:0.1,gamma:0.5,every:5}", "pool=max,avg", "optimizer=adam,sgd", "data=digits,mnist"]
    words += ["optimizer.weight_decay=0,0.01", "study=x"]
    points = expand_grid({}, words).points
    assert len(points) == 48
    points = points[::5]  # every two values of two settings meet; Hydra takes a tenth of a second for each point
    for point, words_of_point in zip(compose_points(loader, master, points), points, strict=True):
        theirs = loader.load_sweep_config(master, list(words_of_point))
        node = OmegaConf.to_yaml(theirs.hydra)
        with open_dict(theirs):
            del theirs["hydra"]
        assert point.settings == OmegaConf.to_container(theirs, resolve=True)
        files = point.hydra_files(tmp_path)
        assert yaml.safe_load(files["overrides.yaml"]) == list(words_of_point)
        assert yaml.safe_load(files["config.yaml"]) == OmegaConf.to_container(theirs, resolve=True)
        ours, hydras = yaml.safe_load(files["hydra.yaml"])["hydra"], yaml.safe_load(node)
        assert ours["runtime"].pop("output_dir") == str(tmp_path.resolve())
        hydras["runtime"].pop("output_dir")
        # The order in which Hydra lists the same words there is its own.
        assert set(ours["job"].pop("override_dirname")) == set(hydras["job"].pop("override_dirname"))
        assert ours == hydras


def test_points_do_not_share_what_they_change(hydra: tuple[ConfigLoader, DictConfig]) -> None:
    loader, master = hydra
    first, second = compose_points(loader, master, [("optimizer.weight_decay=0.5",), ("seed=1",)])
    assert (first.settings["optimizer"]["weight_decay"], second.settings["optimizer"]["weight_decay"]) == (0.5, 0.0)


def test_the_command_line_replaces_an_axis_of_the_experiment() -> None:
    grid = expand_grid({"lr": "0.01,0.001", "pool": "max,avg"}, ["lr=0.5", "seed=0,1"])
    assert grid.points[0] == ("lr=0.5", "pool=max", "seed=0")
    assert grid.factors == {"pool": ["max", "avg"], "seed": ["0", "1"]}


def test_all_problems_of_all_points_are_told_once(hydra: tuple[ConfigLoader, DictConfig]) -> None:
    loader, master = hydra
    grid = expand_grid({}, ["lr=0.01,-1", "batch_size=0,32", "pool=max,avg"])
    with pytest.raises(ConfigError) as caught:
        make_sweep(loader, master, [grid], "command")
    assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == ["batch_size=0", "lr=-1"]


def test_the_same_run_asked_for_twice_is_one(hydra: tuple[ConfigLoader, DictConfig]) -> None:
    loader, master = hydra
    grid = expand_grid({}, ["lr=0.01,1e-2,0.010", "seed=0,1"])
    assert len(make_sweep(loader, master, [grid], "command").jobs) == 2


def test_the_command_told_for_a_variant_means_that_variant(hydra: tuple[ConfigLoader, DictConfig]) -> None:
    loader, master = hydra
    words = ["lr=0.01,cosine,{rates:[0.1,1e-05],epochs:[1,2]}", "optimizer=adam,sgd", "early_stop=off,patience"]
    words += ["data=npz", "data.path='a b/it\\'s, (1).npz'", "pool=max,avg", "epochs=3"]
    jobs = make_sweep(loader, master, [expand_grid({}, words, loader)], "").jobs
    assert len(jobs) == 24
    for job in jobs:
        told = shlex.split(variant_command(job.config, [4, 7], "my-study"))
        assert told[0] == "lenet-ablate" and told[-2:] == ["study=my-study", "seed=4,7"]
        again = make_sweep(loader, master, [expand_grid({}, told[1:], loader)], "")
        assert [other.config for other in again.jobs] == [dataclasses.replace(job.config, seed=n) for n in (4, 7)]


def test_one_command_means_several_variants(hydra: tuple[ConfigLoader, DictConfig]) -> None:
    loader, master = hydra
    words = ["lr=0.01,cosine,{rates:[0.1,1e-05],epochs:[1,2]}", "optimizer=adam,adamw", "pool=max,avg", "epochs=3"]
    jobs = make_sweep(loader, master, [expand_grid({}, words, loader)], "").jobs
    for places in ([0, 3, 7, 10], [0, 1], [5, 5]):
        configs = [jobs[place].config for place in places]
        told = variants_command(configs, [4, 7], "my-study")
        assert told is not None
        _, *spelled = shlex.split(told)
        zips = [word.removeprefix("zip=").strip("[]").split(",") for word in spelled if word.startswith("zip=")]
        grid = expand_grid(
            {}, [word for word in spelled if not word.startswith("zip=")], loader, grid=Grid({}, zips=zips)
        )
        again = make_sweep(loader, master, [grid], "")
        wanted = {dataclasses.replace(config, seed=seed) for config in configs for seed in (4, 7)}
        assert {job.config for job in again.jobs} == wanted and len(again.jobs) == len(wanted), told


def test_variants_with_settings_of_their_own_have_no_command_in_common() -> None:
    own = dataclasses.replace(RunConfig(), optimizer=dataclasses.replace(RunConfig().optimizer, weight_decay=0.1))
    assert variants_command([RunConfig(), own], [0]) is None


def test_defaults_are_not_told() -> None:
    assert variant_command(RunConfig(), [0]) == "lenet-ablate seed=0"
    assert variant_command(RunConfig(lr=StepDecay("step")), [0]) == "lenet-ablate lr=step seed=0"


def settings_of(hydra: tuple[ConfigLoader, DictConfig], *words: str) -> list[dict[str, Any]]:
    return [dict(point.settings) for point in compose_points(*hydra, expand_grid({}, words).points)]


def test_what_an_interpolation_finds_is_read_as_if_typed(
    hydra: tuple[ConfigLoader, DictConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in {"SIZE": "16", "RATE": "{initial:0.1,every:5}", "NAME": "2024_01", "NOTHING": "null"}.items():
        monkeypatch.setenv(key, value)
    words = ("batch_size=${oc.env:SIZE}", "lr=${oc.env:RATE}", "study=${oc.env:NAME}", "data_dir=${oc.env:NOTHING}")
    (found,) = settings_of(hydra, *words, "optimizer.betas=[${oc.env:BETA,0.8},0.9]", "epochs=${batch_size}")
    assert found["batch_size"] == found["epochs"] == 16 and found["lr"] == {"initial": 0.1, "every": 5}
    assert (found["study"], found["data_dir"], found["optimizer"]["betas"]) == ("2024_01", "null", [0.8, 0.9])


def test_hydras_own_node_is_found_as_far_as_it_is_known(hydra: tuple[ConfigLoader, DictConfig]) -> None:
    (found,) = settings_of(hydra, "output_dir=${hydra:runtime.cwd}/x")
    assert found["output_dir"] == f"{Path.cwd()}/x"
    before = HydraConfig.instance().cfg
    for word, told in {
        "output_dir=${hydra:job.num}": "stands for nothing",
        "study=${study}": "refers to itself",
        "batch_size=${oc.env:NOT_THERE}": "Environment variable 'NOT_THERE' not found",
    }.items():
        with pytest.raises(ConfigError) as caught:
            settings_of(hydra, "epochs=1", word)
        assert str(caught.value).startswith(f"{word}: ") and told in str(caught.value)
    assert HydraConfig.instance().cfg is before


def test_now_is_the_same_for_all_runs(hydra: tuple[ConfigLoader, DictConfig]) -> None:
    found = settings_of(hydra, "data=digits,mnist", "pool=max,avg", "study='${now:%H-%M-%S-%f}'")
    assert len(found) == 4 and len({settings["study"] for settings in found}) == 1
