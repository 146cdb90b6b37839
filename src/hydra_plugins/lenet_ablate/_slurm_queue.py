"""SLURM's own commands: submit a script, ask for the tasks that are alive, call off those that wait."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lenet_ablate.errors import LaunchError
from lenet_ablate.rendering.escape import one_line
from lenet_ablate.sweep.follow import Alive

PATIENCE_SECONDS = 60.0
_RUNNING = frozenset({"RUNNING", "CONFIGURING", "SUSPENDED", "SIGNALING", "STAGE_OUT", "STOPPED"})
_WAITING = frozenset({"PENDING", "REQUEUED", "REQUEUE_HOLD", "RESV_DEL_HOLD", "SPECIAL_EXIT", "PREEMPTED"})
_HELD = re.compile("JobHeld|held|DependencyNeverSatisfied|PartitionTimeLimit|PartitionNodeLimit|BadConstraints", re.I)
"""Reasons with which nothing happens until somebody does something: https://slurm.schedmd.com/job_reason_codes.html"""


@dataclass(frozen=True)
class Task:
    """A task of a job array that has not ended.

    Attributes:
        job: Number of the array.
        state: As SLURM says.
        reason: Why it waits.
    """

    job: str
    state: str
    reason: str


def submit(script: Path) -> str:
    """Submit a job array; returns its number.

    Raises:
        LaunchError: There is no sbatch, or it refused.
    """
    done = _call(submission(script))
    number = done.stdout.strip().partition(";")[0]
    if done.returncode or not number.isdigit():
        raise LaunchError(f"{_refusal(done)}; the script: {script}")
    return number


def submission(script: Path) -> list[str]:
    """The command that submits a script: its logs come to lie beside it."""
    return ["sbatch", "--parsable", f"--chdir={script.parent}", str(script)]


def has_slurm() -> bool:
    """Whether SLURM's commands are there."""
    return shutil.which("sbatch") is not None and shutil.which("squeue") is not None


def tasks_of(name: str) -> list[Task]:
    """This user's tasks in job arrays of a name that have not ended.

    Raises:
        LaunchError: SLURM gives no answer.
    """
    done = _call(["squeue", "--noheader", "--array", f"--user={os.getuid()}", f"--name={name}", "--format=%F|%T|%r"])
    if done.returncode:
        told = _refusal(done).removeprefix("slurm_load_jobs error: ")
        raise LaunchError(
            f"SLURM gives no answer (squeue: {told}); `sinfo` must work in this shell first, with "
            "SLURM_CONF or a module where the site asks for one; "
            "hydra.launcher.submit=false only writes the script"
        )
    rows = (line.strip().split("|", 2) for line in done.stdout.splitlines())
    found = [Task(*row) for row in rows if len(row) == 3]
    return [task for task in found if task.state in _RUNNING | _WAITING]


def alive(tasks: Iterable[Task]) -> Alive:
    """The tasks as a follower counts them."""
    running = waiting = 0
    reasons: Counter[str] = Counter()
    for task in tasks:
        if task.state in _RUNNING:
            running += 1
        else:
            waiting += 1
            reasons[task.reason if task.state == "PENDING" else task.state.lower()] += 1
    stuck = bool(reasons) and not running and all(_HELD.search(reason) for reason in reasons)
    reason = one_line(reasons.most_common(1)[0][0]) if reasons else ""
    return Alive(running, waiting, "" if reason == "None" else reason, stuck)


def cancel_waiting(jobs: Iterable[str]) -> None:
    """Call off the tasks of job arrays that have not begun; whatever is wrong with that costs nothing."""
    for job in jobs:
        _call(["scancel", "--state=PENDING", job])


def _refusal(done: subprocess.CompletedProcess[str]) -> str:
    """What a command that failed said last."""
    told = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    return one_line(told[-1]) if told else f"{done.args[0]}: ended with status {done.returncode}"


def _call(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run one of SLURM's commands without a shell, deaf to a Ctrl-C that is meant for the follower.

    Raises:
        LaunchError: It is not there, or does not end.
    """
    try:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE_SECONDS,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    except FileNotFoundError:
        raise LaunchError(f"{command[0]}: is not on this machine's PATH") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LaunchError(f"{command[0]}: {one_line(error)}") from None
