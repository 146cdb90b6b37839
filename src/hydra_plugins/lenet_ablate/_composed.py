"""A sweep composed from words without the command line: for Python, where nothing global may be left behind."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.errors import HydraException
from hydra.types import RunMode
from hydra.version import VersionBase, setbase
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.lenet_ablate import _task  # noqa: F401 # registers what configurations refer to
from hydra_plugins.lenet_ablate._grid import make_sweep
from hydra_plugins.lenet_ablate._interpolations import reason
from hydra_plugins.lenet_ablate._union import expand_experiments
from hydra_plugins.lenet_ablate.local_launcher import LocalLauncherConf
from lenet_ablate.config.folder import config_dir
from lenet_ablate.config.grid_words import to_hydra
from lenet_ablate.config.supervision import Supervision, parse_supervision
from lenet_ablate.errors import ConfigError
from lenet_ablate.studies.jobs import Sweep

VERSION_BASE = "1.3"
_alone = threading.Lock()


def compose_sweep(words: Sequence[str], command: str, config_dirs: Sequence[Path] = ()) -> tuple[Sweep, Supervision]:
    """The validated runs that some words of the command line stand for, and how they are looked after.

    Args:
        words: Checked words; see `lenet_ablate.cli.overrides`.
        command: The command that asks for the same.
        config_dirs: Folders with more options for the groups.

    Raises:
        ConfigError: With every problem of every point.
    """
    # Hydra keeps what it is about in one place for the whole process.
    with _alone, _version_base():
        path = create_config_search_path(f"file://{config_dir()}")
        for folder in config_dirs:
            where = f"file://{os.path.abspath(folder)}"  # noqa: PTH100 # as Hydra does, links unresolved
            path.prepend("command-line", where, SearchPathQuery(provider="schema"))
        loader = ConfigLoaderImpl(config_search_path=path)
        try:
            config = loader.load_configuration("config", to_hydra(words), RunMode.MULTIRUN)
        except HydraException as error:
            raise ConfigError(reason(error)) from error
        sweeper, supervision = _plain(config.hydra.sweeper), _supervision(config)
        arguments = _plain(config.hydra.overrides.task)
        grids, experiments = expand_experiments(sweeper["params"], sweeper["words"], arguments, loader, config)
        return make_sweep(loader, config, grids, command, experiments), supervision


def _supervision(config: DictConfig) -> Supervision:
    launcher = _plain(config.hydra.launcher)
    if launcher.pop("_target_") != LocalLauncherConf._target_:
        raise ConfigError("hydra/launcher: from Python, runs train in this process; lenet-ablate knows other launchers")
    return parse_supervision(launcher)


def _plain(node: Any) -> Any:
    return OmegaConf.to_container(node)


@contextlib.contextmanager
def _version_base() -> Iterator[None]:
    instance = VersionBase.instance()
    before = instance.version_base
    setbase(VERSION_BASE)
    try:
        yield
    finally:
        instance.version_base = before
