"""A sweep's Ray tasks, each a copy of its command; a node that dies has its copies started again on another one."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Collection
from pathlib import Path
from typing import Any

from hydra_plugins.lenet_ablate._copies import arguments_of, environment_of, num_copies, share_word
from hydra_plugins.lenet_ablate._ray_copy import SAVE_SECONDS, work
from lenet_ablate.config.clusters import MAX_TASKS, RaySettings
from lenet_ablate.config.supervision import Supervision
from lenet_ablate.errors import LaunchError
from lenet_ablate.records.atomic import make_folder
from lenet_ablate.records.plans import SWEEPS
from lenet_ablate.records.status import LAUNCH
from lenet_ablate.rendering.console import say
from lenet_ablate.rendering.escape import one_line
from lenet_ablate.studies.jobs import Sweep
from lenet_ablate.sweep.follow import Alive


class RayLaunch:
    """Ray tasks that work on a sweep; see `lenet_ablate.sweep.follow.Launch`.

    Args:
        ray: The module.
        key: What names the launch.
        tasks: Their futures.
        logs: Where their logs lie.
    """

    def __init__(self, ray: Any, key: str, tasks: list[Any], logs: Path) -> None:
        self._ray, self._key, self._tasks, self._logs = ray, key, tasks, logs
        self.name = f"Ray, {len(tasks)} task{'s' if len(tasks) > 1 else ''}"
        self.how_to_leave = "Ray's tasks end with this command, and their runs are saved"

    @property
    def ids(self) -> Collection[str]:
        """What its copies find in their environment."""
        return frozenset({self._key})

    @property
    def where_logs(self) -> str:
        """Where its tasks' output is."""
        return str(self._logs / f"{self._key}_*.log")

    def look(self) -> Alive | None:
        """Its tasks that have not ended; None where Ray gives no answer."""
        try:
            _, left = self._ray.wait(self._tasks, num_returns=len(self._tasks), timeout=0, fetch_local=False)
        except Exception:  # whatever a cluster that is gone makes of it
            return None
        return Alive(running=len(left))

    def end(self, *, is_done: bool) -> None:
        """Let the copies come to their end, or have them save their runs, and leave the cluster."""
        with contextlib.suppress(Exception):
            if not is_done:
                for task in self._tasks:
                    self._ray.cancel(task, force=False)
            self._ray.wait(self._tasks, num_returns=len(self._tasks), timeout=SAVE_SECONDS, fetch_local=False)
        with contextlib.suppress(Exception):
            self._ray.shutdown()


def start_copies(sweep: Sweep, num_runs: int, settings: RaySettings, supervision: Supervision) -> RayLaunch:
    """Start the copies of a sweep's command.

    Raises:
        LaunchError: There is no Ray, or no such cluster, or none of its nodes has what a task needs.
        RecordError: The folder of the logs cannot be made.
    """
    ray = _import_ray()
    logs = (sweep.study / SWEEPS).resolve()
    make_folder(logs)
    workers = supervision.workers or (None if settings.num_gpus else max(1, int(settings.num_cpus)))
    _connect(ray, settings.address or os.environ.get("RAY_ADDRESS") or "local")
    try:
        fitting = _fitting(ray, settings)
        if not fitting:
            raise LaunchError(
                f"hydra/launcher=ray: no node has {settings.num_cpus:g} CPUs and {settings.num_gpus:g} GPUs"
            )
        count = num_copies(settings.max_tasks or min(fitting, MAX_TASKS), num_runs, workers)
        key = f"ray-{secrets.token_hex(4)}"
        # max_retries counts deaths of the task's process or node alone; what a copy returns is its own affair.
        copy = ray.remote(num_cpus=settings.num_cpus, num_gpus=settings.num_gpus, max_retries=-1)(work)
        environment = {name: value for name, value in os.environ.items() if name.startswith("LENET_ABLATE_")}
        environment |= environment_of(sweep) | {LAUNCH: key}
        arguments = arguments_of(sweep, supervision, workers)
        folder = str(Path.cwd())
        tasks = [
            copy.remote([*arguments, share_word(k, count)], environment, folder, str(logs / f"{key}_{k}.log"))
            for k in range(count)
        ]
    except BaseException:
        ray.shutdown()
        raise
    say(f"Ray: {count} tasks on {len(_nodes(ray))} nodes; what they say: {logs / f'{key}_*.log'}")
    return RayLaunch(ray, key, tasks, logs)


def _import_ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as error:
        raise LaunchError(
            f"hydra/launcher=ray: needs a library that cannot be imported ({error}): pip install 'lenet-ablate[ray]'"
        ) from None
    return ray


def _connect(ray: Any, address: str) -> None:
    """Connect to a cluster, or bring up a Ray of this command's own.

    Raises:
        LaunchError: It cannot be reached.
    """
    local = {"include_dashboard": False} if address == "local" else {}
    try:
        ray.init(address=address, log_to_driver=False, configure_logging=False, **local)
    except Exception as error:  # its own errors and those of half a dozen libraries
        raise LaunchError(f"hydra/launcher=ray: {address}: cannot be reached: {one_line(error)}") from None


def _nodes(ray: Any) -> list[dict[str, float]]:
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _fitting(ray: Any, settings: RaySettings) -> int:
    """How many tasks fit on the cluster's nodes at once."""
    needs = {"CPU": settings.num_cpus, "GPU": settings.num_gpus}
    return sum(
        min(int(node.get(kind, 0.0) / need + 1e-9) for kind, need in needs.items() if need) for node in _nodes(ray)
    )
