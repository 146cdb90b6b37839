"""The sweeper: which runs there are. Hydra scans this module at every start, so it imports nothing heavy."""

import dataclasses
import os
import shlex
import sys
from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException
from hydra.experimental.callback import Callback
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.lenet_ablate._handed import HandedSweeper


@dataclass
class AblationSweeperConf:
    """`hydra/sweeper=ablation`."""

    _target_: str = "hydra_plugins.lenet_ablate.ablation_sweeper.AblationSweeper"
    params: dict[str, Any] = field(default_factory=dict)
    """Overrides that hold unless the command line gives the same key."""
    words: dict[str, Any] = field(default_factory=dict)
    """What `experiment=`, `protocol=`, `design=`, `zip=` and `exclude=` say; see `lenet_ablate.config.grid_words`."""


ConfigStore.instance().store(group="hydra/sweeper", name="ablation", node=AblationSweeperConf, provider="lenet-ablate")


class AblationSweeper(HandedSweeper):
    """Full grids: all points are validated before the first starts, and those that mean the same run are one."""

    def __init__(self, params: dict[str, Any], words: dict[str, Any]) -> None:
        super().__init__(params)
        plain: Any = OmegaConf.to_container(words) if isinstance(words, DictConfig) else words
        self.words: dict[str, Any] = plain

    def sweep(self, arguments: list[str]) -> Any:
        """Run all points; ends the process with the sweep's exit status where that is not 0."""
        from hydra_plugins.lenet_ablate._carried import command_of_sweep
        from hydra_plugins.lenet_ablate._grid import make_sweep, run_on_hydras
        from hydra_plugins.lenet_ablate._sweep_launcher import SweepLauncher
        from hydra_plugins.lenet_ablate._union import expand_experiments
        from lenet_ablate.config.grid_words import as_typed
        from lenet_ablate.errors import LenetAblateError
        from lenet_ablate.rendering.console import warn
        from lenet_ablate.rendering.failures import error_line
        from lenet_ablate.studies.finished import only_damaged
        from lenet_ablate.sweep.forecast import show_plan
        from lenet_ablate.sweep.run import report_sweep

        assert self.config is not None and self.context is not None
        os.environ.update({str(name): str(value) for name, value in self.config.hydra.job.env_set.items()})
        planned = command_of_sweep()  # this process is one of several copies of a command
        command = planned or shlex.join(["lenet-ablate", *as_typed(sys.argv[1:])])
        try:
            loader = self.context.config_loader
            grids, experiments = expand_experiments(self.params, self.words, arguments, loader, self.config)
            sweep = make_sweep(loader, self.config, grids, command, experiments)
            sweep = dataclasses.replace(sweep, is_planned=planned is not None)
            if sweep.options.repair:
                sweep = only_damaged(sweep)
            if sweep.options.plan:
                show_plan(sweep, getattr(self.launcher, "workers", None))
                return None
            assert self.launcher is not None
            if isinstance(self.launcher, SweepLauncher):
                for line in _unheard(self.context, self.launcher.name):
                    warn(line)
                result = self.launcher.train(sweep)
            else:
                result = run_on_hydras(sweep, self.launcher)
        except (LenetAblateError, HydraException, OSError) as error:
            raise SystemExit(error_line(error) if isinstance(error, OSError) else str(error)) from None
        if result is None:
            return None
        if sweep.options.report and not result.stop_status:
            report_sweep(sweep)
        if result.exit_status:
            # Hydra calls this itself only where the sweep returns.
            self.context.callbacks.on_multirun_end(config=self.config, config_name=self.config.hydra.job.config_name)
            raise SystemExit(result.exit_status)
        return result


def _unheard(context: HydraContext, launcher: str) -> list[str]:
    """A line for each callback that waits for jobs, of which the launchers made here make none."""
    waiting = {
        type(callback).__name__: [name for name in ("on_job_start", "on_job_end") if _has_own(callback, name)]
        for callback in context.callbacks.callbacks
    }
    return [
        f"warning: callback {name}: hydra/launcher={launcher} does not call {' or '.join(events)}, "
        "hydra/launcher=basic does"
        for name, events in waiting.items()
        if events
    ]


def _has_own(callback: Callback, name: str) -> bool:
    return getattr(type(callback), name, None) is not getattr(Callback, name)
