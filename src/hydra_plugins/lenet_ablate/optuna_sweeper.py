"""The sweeper that searches: which points are tried is Optuna's choice. Hydra scans this module at every start."""

import os
import shlex
import sys
from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.lenet_ablate._handed import HandedSweeper


@dataclass
class OptunaSweeperConf:
    """`hydra/sweeper=optuna`; `lenet_ablate.config.search.SearchSettings` says what the settings mean."""

    _target_: str = "hydra_plugins.lenet_ablate.optuna_sweeper.OptunaSweeper"
    params: dict[str, Any] = field(default_factory=dict)
    words: dict[str, Any] = field(default_factory=dict)
    n_trials: Any = 20
    n_jobs: Any = None
    sampler: Any = "tpe"
    seed: Any = 0
    metric: Any = "val_accuracy"
    storage: Any = None


def register() -> None:
    """Offer `hydra/sweeper=optuna`, in place of Hydra's own plugin of that name where it is installed."""
    store = ConfigStore.instance()
    store.store(group="hydra/sweeper", name="optuna", node=OptunaSweeperConf, provider="lenet-ablate")


register()


class OptunaSweeper(HandedSweeper):
    """Tries points one batch after the other, each a run of the study, or one for each seed."""

    def __init__(self, params: dict[str, Any], words: dict[str, Any], **settings: Any) -> None:
        super().__init__(params)
        self.words, self.settings = words, settings

    def sweep(self, arguments: list[str]) -> Any:
        """Search; ends the process with the exit status where that is not 0."""
        from hydra_plugins.lenet_ablate._search import Search
        from hydra_plugins.lenet_ablate._space import read_space
        from hydra_plugins.lenet_ablate._sweep_launcher import SweepLauncher
        from hydra_plugins.lenet_ablate.local_launcher import LocalLauncher
        from lenet_ablate.config.grid_words import as_typed
        from lenet_ablate.config.search import parse_search
        from lenet_ablate.errors import ConfigError, LenetAblateError
        from lenet_ablate.rendering.failures import error_line
        from lenet_ablate.sweep.run import report_sweep

        assert self.config is not None and self.context is not None and self.launcher is not None
        os.environ.update({str(name): str(value) for name, value in self.config.hydra.job.env_set.items()})
        command = shlex.join(["lenet-ablate", *as_typed(sys.argv[1:])])
        try:
            settings = parse_search(self.settings)
            if self.words:
                word = next(iter(self.words))
                raise ConfigError(f"{word}=…: works with hydra/sweeper=ablation; a search takes settings alone")
            if isinstance(self.launcher, SweepLauncher) and not isinstance(self.launcher, LocalLauncher):
                raise ConfigError(
                    f"hydra/launcher={self.launcher.name}: copies work on planned runs, and a search plans as it goes; "
                    "several copies of a search may be started by hand, each a job of its own"
                )
            loader = self.context.config_loader
            params: Any = OmegaConf.to_container(self.params) if isinstance(self.params, DictConfig) else self.params
            space = read_space(arguments, params, loader)
            search = Search(space, settings, loader, self.config, self.launcher, command)
            status = search.run()
        except (LenetAblateError, HydraException, OSError) as error:
            raise SystemExit(error_line(error) if isinstance(error, OSError) else str(error)) from None
        if search.sweep.options.report and status in (0, 1):
            report_sweep(search.sweep)
        if status:
            self.context.callbacks.on_multirun_end(config=self.config, config_name=self.config.hydra.job.config_name)
            raise SystemExit(status)
        return None
