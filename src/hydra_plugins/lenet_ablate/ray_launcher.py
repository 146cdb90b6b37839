"""The launcher for Ray: tasks, each a copy of the command. Hydra scans this module at every start."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hydra.core.config_store import ConfigStore

from hydra_plugins.lenet_ablate._sweep_launcher import SweepLauncher, parsed
from hydra_plugins.lenet_ablate.local_launcher import LocalLauncherConf

if TYPE_CHECKING:
    from lenet_ablate.studies.jobs import Sweep, SweepResult

HYDRAS_OWN = "ray_per_run"


@dataclass
class RayLauncherConf(LocalLauncherConf):
    """`hydra/launcher=ray`; `lenet_ablate.config.clusters.RaySettings` says what the settings mean."""

    _target_: str = "hydra_plugins.lenet_ablate.ray_launcher.RayLauncher"
    address: Any = None
    max_tasks: Any = None
    num_cpus: Any = 1
    num_gpus: Any = 0


def register() -> None:
    """Offer `hydra/launcher=ray`; Hydra's own plugin of that name, where it is installed, is `ray_per_run`."""
    store = ConfigStore.instance()
    there = store.repo.get("hydra", {}).get("launcher", {}).get("ray.yaml")
    if there is not None and there.provider != "lenet-ablate":
        store.store(group="hydra/launcher", name=HYDRAS_OWN, node=there.node, provider=there.provider)
    store.store(group="hydra/launcher", name="ray", node=RayLauncherConf, provider="lenet-ablate")


register()


class RayLauncher(SweepLauncher):
    """Has a whole sweep trained by Ray tasks, and follows them."""

    name = "ray"

    def __init__(self, **settings: Any) -> None:
        from lenet_ablate.config.clusters import RaySettings, parse_cluster

        self.settings, self.supervision = parsed(lambda given: parse_cluster(RaySettings, given), settings)

    def train(self, sweep: "Sweep") -> "SweepResult | None":
        """Start the copies of a sweep's command and follow them to the end."""
        from hydra_plugins.lenet_ablate._ray_launch import start_copies
        from lenet_ablate.sweep.elsewhere import run_elsewhere

        def start(num_runs: int) -> Any:
            return start_copies(sweep, num_runs, self.settings, self.supervision)

        return run_elsewhere(sweep, start, self.supervision.retries)
