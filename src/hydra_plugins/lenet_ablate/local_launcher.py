"""The launcher: runs side by side on threads of this process. Hydra scans this module at every start."""

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
    """`hydra/launcher=local`."""

    _target_: str = "hydra_plugins.lenet_ablate.local_launcher.LocalLauncher"
    workers: Any = None
    """Runs side by side; null: one per physical core that this process may use, one on a GPU."""


ConfigStore.instance().store(group="hydra/launcher", name="local", node=LocalLauncherConf, provider="lenet-ablate")


class LocalLauncher(Launcher):
    """Trains a whole sweep in this process."""

    def __init__(self, workers: Any) -> None:
        from lenet_ablate.config.checks import Optional, Whole

        try:
            self.workers: int | None = Optional(Whole(1, 1024))(workers)
        except ValueError as error:
            raise SystemExit(f"hydra.launcher.workers={workers}: {error}") from None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Nothing to keep: the sweeper hands over everything."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Refused: this launcher needs the plan that only `hydra/sweeper=ablation` makes."""
        raise SystemExit("hydra/launcher=local works with hydra/sweeper=ablation; for other sweepers use basic")

    def train(self, sweep: "Sweep") -> "SweepResult":
        """Train a sweep and tell the user; see `lenet_ablate.sweep.run.run_sweep`."""
        from lenet_ablate.sweep.run import run_sweep

        return run_sweep(sweep, self.workers)
