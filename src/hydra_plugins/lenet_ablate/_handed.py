"""What the sweepers made here have in common: they keep what Hydra hands over until they are asked to sweep."""

from typing import Any

from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class HandedSweeper(Sweeper):
    """Keeps its parameters, Hydra's configuration and context, and the launcher."""

    def __init__(self, params: dict[str, Any]) -> None:
        self.params = params
        self.config: DictConfig | None = None
        self.context: HydraContext | None = None
        self.launcher: Launcher | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what Hydra hands over and make the launcher."""
        self.context, self.config = hydra_context, config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )
