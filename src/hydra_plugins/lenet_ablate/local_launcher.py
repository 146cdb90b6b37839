"""The launcher: runs side by side, on threads or in processes of their own. Hydra scans this module at every start."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

if TYPE_CHECKING:
    from lenet_ablate.studies.jobs import Sweep, SweepResult


@dataclass
class LocalLauncherConf:
    """`hydra/launcher=local`; `lenet_ablate.config.supervision.Supervision` says what the settings mean."""

    _target_: str = "hydra_plugins.lenet_ablate.local_launcher.LocalLauncher"
    workers: Any = None
    isolate: Any = False
    run_timeout: Any = None
    retries: Any = 0
    on_error: Any = "continue"


ConfigStore.instance().store(group="hydra/launcher", name="local", node=LocalLauncherConf, provider="lenet-ablate")


class LocalLauncher(Launcher):
    """Trains a whole sweep on this machine."""

    def __init__(self, **settings: Any) -> None:
        from lenet_ablate.config.supervision import parse_supervision
        from lenet_ablate.errors import ConfigError

        try:
            self.supervision = parse_supervision(settings)
        except ConfigError as error:
            raise SystemExit(str(error)) from None
        self.workers = self.supervision.workers

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Nothing to keep: the sweeper hands over everything."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Refused: this launcher needs the plan that only `hydra/sweeper=ablation` makes."""
        raise SystemExit("hydra/launcher=local works with hydra/sweeper=ablation; for other sweepers use basic")

    def train(self, sweep: "Sweep") -> "SweepResult":
        """Train a sweep and tell the user; see `lenet_ablate.sweep.run.run_sweep`."""
        from lenet_ablate.sweep.run import run_sweep

        return run_sweep(sweep, self.workers, supervision=self.supervision)
