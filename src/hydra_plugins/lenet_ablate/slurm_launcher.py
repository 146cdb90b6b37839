"""The launcher for SLURM: one job array, each task a copy of the command. Hydra scans this module at every start."""

import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hydra.core.config_store import ConfigStore

from hydra_plugins.lenet_ablate._sweep_launcher import SweepLauncher, parsed
from hydra_plugins.lenet_ablate.local_launcher import LocalLauncherConf

if TYPE_CHECKING:
    from lenet_ablate.studies.jobs import Sweep, SweepResult


@dataclass
class SlurmLauncherConf(LocalLauncherConf):
    """`hydra/launcher=slurm`; `lenet_ablate.config.clusters.SlurmSettings` says what the settings mean."""

    _target_: str = "hydra_plugins.lenet_ablate.slurm_launcher.SlurmLauncher"
    max_tasks: Any = 8
    partition: Any = None
    account: Any = None
    time: Any = None
    cpus: Any = 1
    memory: Any = None
    gpus: Any = None
    options: Any = field(default_factory=list)
    setup: Any = field(default_factory=list)
    submit: Any = True


ConfigStore.instance().store(group="hydra/launcher", name="slurm", node=SlurmLauncherConf, provider="lenet-ablate")


class SlurmLauncher(SweepLauncher):
    """Has a whole sweep trained by a SLURM job array, and follows it."""

    name = "slurm"

    def __init__(self, **settings: Any) -> None:
        from lenet_ablate.config.clusters import SlurmSettings, parse_cluster

        self.settings, self.supervision = parsed(lambda given: parse_cluster(SlurmSettings, given), settings)

    def train(self, sweep: "Sweep") -> "SweepResult | None":
        """Submit the copies of a sweep's command, unless they are at work already, and follow them to the end."""
        from hydra_plugins.lenet_ablate._slurm_launch import SlurmLaunch, find_or_submit
        from lenet_ablate.rendering.console import say
        from lenet_ablate.sweep.elsewhere import run_elsewhere

        def start(num_runs: int) -> SlurmLaunch | None:
            found = find_or_submit(sweep, num_runs, self.settings, self.supervision)
            if isinstance(found, SlurmLaunch):
                return found
            say(f"submit it: {shlex.join(found)}")
            return None

        return run_elsewhere(sweep, start, self.supervision.retries)
