"""The script of a SLURM job array: each task is a copy of one command, which takes the runs that no other is at.

No value can add a line or an option of sbatch: settings are checked against narrow patterns, and whatever else comes
from the user stands in quotes of the shell's below the options. The folders that sbatch would have to be told of it
takes from where it is called.
"""

from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra_plugins.lenet_ablate._copies import share_word
from lenet_ablate.config.clusters import SlurmSettings
from lenet_ablate.records.status import LAUNCH

LOGS = "slurm-%A_%a.log"
WARNING_SECONDS = 60
"""How long before its time limit a task is told, which saves its runs within a second or two."""
_PASSED_ON = ("LENET_ABLATE_DATA", "LENET_ABLATE_CACHE")
_STAMP = "# as it was written: "
_TASK = """\
copy=$!
trap 'kill -USR1 "$copy"' USR1
trap 'kill -TERM "$copy"' TERM
while :; do
  wait "$copy"
  status=$?
  kill -0 "$copy" 2>/dev/null || break # else it was a signal that ended the waiting
done
# 75: the time limit is near and its runs are saved; it goes on when its turn comes again.
if [ "$status" -eq 75 ]; then
  scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"
fi
exit "$status"
"""


@dataclass(frozen=True)
class JobArray:
    """A job array.

    Attributes:
        name: The job's.
        tasks: How many there are.
        settings: What SLURM is asked for.
        command: What each task runs, without its share.
        environment: What it finds in its environment beside what is there anyway.
        folder: The folder that it works in.
        plan: Name of the plan that it carries out.
    """

    name: str
    tasks: int
    settings: SlurmSettings
    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    plan: str

    def script(self) -> str:
        """The whole script, with a last line by which an edited one is known."""
        body = "\n".join([*self._head(), *self._options(), "", *self._task()]) + "\n" + _TASK
        return f"{body}{_STAMP}{_digest(body)}\n"

    def _head(self) -> list[str]:
        return [
            "#!/bin/bash",
            f"# Trains the runs of {self.plan}: each task is a copy of one command and takes runs that no other is at.",
            "# It may be edited: then it is submitted as it is, until it is deleted.",
        ]

    def _options(self) -> list[str]:
        asked = self.settings
        options = [f"--job-name={self.name}", f"--array=0-{self.tasks - 1}", "--requeue", "--open-mode=append"]
        options += [f"--signal=B:USR1@{WARNING_SECONDS}", f"--output={LOGS}", f"--cpus-per-task={asked.cpus}"]
        for name, value in (
            ("partition", asked.partition),
            ("account", asked.account),
            ("time", asked.time),
            ("mem", asked.memory),
            ("gpus", asked.gpus),
        ):
            options += [] if value is None else [f"--{name}={value}"]
        return [f"#SBATCH {option}" for option in (*options, *asked.options)]

    def _task(self) -> list[str]:
        passed = {name: os.environ[name] for name in _PASSED_ON if os.environ.get(name)} | dict(self.environment)
        lines = [f"cd {shlex.quote(str(self.folder))} || exit 1"]
        lines += [f"export {name}={shlex.quote(value)}" for name, value in sorted(passed.items())]
        lines += [f'export {LAUNCH}="slurm-$SLURM_ARRAY_JOB_ID"', *self.settings.setup]
        share = share_word("$SLURM_ARRAY_TASK_ID", "$SLURM_ARRAY_TASK_COUNT")
        return [*lines, f'{shlex.join(self.command)} "{share}" &']


def is_edited(script: str) -> bool:
    """Whether a script is another than was written."""
    body, found, stamp = script.rpartition(_STAMP)
    return not found or stamp.strip() != _digest(body)


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode("utf-8", "surrogateescape")).hexdigest()[:16]
