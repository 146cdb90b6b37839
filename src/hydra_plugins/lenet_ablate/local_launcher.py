"""The launcher: runs side by side, on threads or in processes of their own. Hydra scans this module at every start."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hydra.core.config_store import ConfigStore

from hydra_plugins.lenet_ablate._sweep_launcher import SweepLauncher, parsed

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
    share: Any = None


ConfigStore.instance().store(group="hydra/launcher", name="local", node=LocalLauncherConf, provider="lenet-ablate")


class LocalLauncher(SweepLauncher):
    """Trains a whole sweep on this machine."""

    name = "local"

    def __init__(self, **settings: Any) -> None:
        from lenet_ablate.config.supervision import parse_supervision

        self.supervision = parsed(parse_supervision, settings)
        self.workers = self.supervision.workers

    def train(self, sweep: "Sweep") -> "SweepResult":
        """Train a sweep and tell the user; see `lenet_ablate.sweep.run.run_sweep`."""
        from lenet_ablate.sweep.run import run_sweep

        return run_sweep(sweep, self.workers, supervision=self.supervision)
