"""A sweep's job array: found where it is alive already, else its script written and submitted."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra_plugins.lenet_ablate import _slurm_queue as queue
from hydra_plugins.lenet_ablate._copies import arguments_of, copy_command, environment_of, num_copies
from hydra_plugins.lenet_ablate._slurm_script import JobArray, is_edited
from lenet_ablate.config.clusters import SlurmSettings
from lenet_ablate.config.supervision import Supervision
from lenet_ablate.errors import LaunchError
from lenet_ablate.records.atomic import make_folder, write_bytes
from lenet_ablate.records.locks import LOCKS, held
from lenet_ablate.records.plan_lines import SUFFIX
from lenet_ablate.records.plans import SWEEPS
from lenet_ablate.rendering.console import say
from lenet_ablate.studies.jobs import Sweep
from lenet_ablate.sweep.follow import Alive


@dataclass(frozen=True)
class SlurmLaunch:
    """A job array that works on a sweep; see `lenet_ablate.sweep.follow.Launch`.

    Attributes:
        job_name: By which SLURM finds it.
        jobs: Its number; several where it was submitted by hand, too.
        folder: Where its logs lie.
    """

    job_name: str
    jobs: Collection[str]
    folder: Path

    @property
    def name(self) -> str:
        """What a user knows it by."""
        return f"SLURM job {', '.join(self.jobs)}"

    @property
    def ids(self) -> Collection[str]:
        """What its copies find in their environment."""
        return frozenset(f"slurm-{job}" for job in self.jobs)

    @property
    def how_to_leave(self) -> str:
        """What becomes of it when it is no longer followed."""
        return f"{self.name} goes on; the same command follows it again; to cancel it: scancel {' '.join(self.jobs)}"

    @property
    def where_logs(self) -> str:
        """Where its tasks' output is."""
        return ", ".join(str(self.folder / f"slurm-{job}_*.log") for job in self.jobs)

    def look(self) -> Alive | None:
        """Its tasks that have not ended; None where SLURM gives no answer."""
        try:
            return queue.alive(task for task in queue.tasks_of(self.job_name) if task.job in self.jobs)
        except LaunchError:
            return None

    def end(self, *, is_done: bool) -> None:
        """Call off the tasks that have not begun where there is nothing left for them."""
        if is_done:
            with contextlib.suppress(LaunchError):
                queue.cancel_waiting(self.jobs)


def find_or_submit(
    sweep: Sweep, num_runs: int, settings: SlurmSettings, supervision: Supervision
) -> SlurmLaunch | Sequence[str]:
    """The job array that works on a sweep; where it is not to be submitted, the command that would.

    Args:
        sweep: The sweep.
        num_runs: How many of its runs are to be trained.
        settings: What SLURM is asked for.
        supervision: How each task looks after its runs.

    Raises:
        LaunchError: There is no SLURM, or it refused.
        RecordError: The script cannot be written.
    """
    folder = (sweep.study / SWEEPS).resolve()
    script = folder / f"{sweep.digest}.sbatch"
    name = _job_name(sweep)
    if not settings.submit:
        _write(script, _job_array(sweep, name, num_runs, settings, supervision))
        return queue.submission(script)
    if not queue.has_slurm():
        raise LaunchError(
            "hydra/launcher=slurm: sbatch and squeue are not on this machine's PATH; run it where they are; "
            "hydra.launcher.submit=false only writes the script"
        )
    make_folder(sweep.study / LOCKS)
    with held(sweep.study / LOCKS / "slurm.lock"):  # two that are asked for the same at once
        if there := queue.tasks_of(name):
            launch = SlurmLaunch(name, tuple(dict.fromkeys(task.job for task in there)), folder)
            say(f"{launch.name} works on this sweep already and is followed; {_stopping(launch)}")
            return launch
        _write(script, _job_array(sweep, name, num_runs, settings, supervision))
        launch = SlurmLaunch(name, (queue.submit(script),), folder)
    say(f"{launch.name} submitted: {script}; {_stopping(launch)}")
    return launch


def _stopping(launch: SlurmLaunch) -> str:
    return f"Ctrl-C leaves it running; to cancel it: scancel {' '.join(launch.jobs)}"


def _job_array(sweep: Sweep, name: str, num_runs: int, settings: SlurmSettings, supervision: Supervision) -> JobArray:
    workers = supervision.workers or (None if settings.gpus else settings.cpus)
    return JobArray(
        name,
        num_copies(settings.max_tasks, num_runs, workers),
        settings,
        copy_command(arguments_of(sweep, supervision, workers)),
        environment_of(sweep),
        Path.cwd(),
        f"{SWEEPS}/{sweep.digest}{SUFFIX}",
    )


def _job_name(sweep: Sweep) -> str:
    """The same for the same sweep in the same study, so that SLURM itself tells whether it is at work."""
    told = f"{sweep.study.resolve()}\0{sweep.digest}".encode("utf-8", "surrogateescape")
    return f"lenet-ablate-{sweep.options.study[:32]}-{hashlib.sha256(told).hexdigest()[:8]}"


def _write(script: Path, array: JobArray) -> None:
    """Write a script, unless there is one that somebody has edited.

    Raises:
        RecordError: It cannot be written.
    """
    try:
        if is_edited(script.read_text(encoding="utf-8", errors="surrogateescape")):
            say(f"{script}: was edited and is used as it is; delete it to have it written anew")
            return
    except OSError:
        pass
    write_bytes(script, array.script().encode("utf-8", "surrogateescape"))
