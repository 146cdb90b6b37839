"""Stand-ins for sbatch, squeue, scancel and scontrol: they start the tasks of a job array at once on this machine."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path


def install(folder: Path) -> Path:
    """Put the stand-ins into a folder for PATH; they remember their jobs in the folder that is returned."""
    (folder / "bin").mkdir(parents=True)
    jobs = folder / "jobs"
    jobs.mkdir()
    for name in ("sbatch", "squeue", "scancel", "scontrol"):
        program = folder / "bin" / name
        program.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, __file__, name, str(jobs)])} "$@"\n')
        program.chmod(0o755)
    return jobs


def sbatch(jobs: Path, words: list[str]) -> int:
    """`--parsable --chdir=FOLDER SCRIPT`; a file `refusal` makes it refuse."""
    if (jobs / "refusal").exists():
        print((jobs / "refusal").read_text(), file=sys.stderr)
        return 1
    (chdir,) = [word.partition("=")[2] for word in words if word.startswith("--chdir=")]
    script = words[-1]
    options = dict(re.findall(r"^#SBATCH --([a-z-]+)=(.*)$", Path(script).read_text(errors="surrogateescape"), re.M))
    number = len(list(jobs.glob("*.name"))) + 1
    count = int(options["array"].partition("-")[2]) + 1
    for task in range(count):
        log = Path(chdir) / options["output"].replace("%A", str(number)).replace("%a", str(task))
        marker = jobs / f"{number}_{task}.alive"
        env = os.environ | {
            "SLURM_ARRAY_JOB_ID": str(number),
            "SLURM_ARRAY_TASK_ID": str(task),
            "SLURM_ARRAY_TASK_COUNT": str(count),
        }
        with log.open("ab") as output:
            started = subprocess.Popen(
                ["/bin/sh", "-c", 'bash "$1"; rm -f "$2"', "sh", script, str(marker)],
                cwd=chdir,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        marker.write_text(str(started.pid))
    (jobs / f"{number}.name").write_text(options["job-name"])
    print(number)
    return 0


def squeue(jobs: Path, words: list[str]) -> int:
    """`--name=NAME`; a file `silence` makes it give no answer, and `held` has it say so of every task."""
    with (jobs / "squeue.log").open("a") as log:
        log.write(f"{time.time()}\n")
    if (jobs / "silence").exists():
        print("squeue: error: Unable to contact slurm controller (connect failure)", file=sys.stderr)
        return 1
    (name,) = [word.partition("=")[2] for word in words if word.startswith("--name=")]
    state = "PENDING|JobHeldUser" if (jobs / "held").exists() else "RUNNING|None"
    for job in jobs.glob("*.name"):
        if job.read_text() == name:
            for _ in jobs.glob(f"{job.stem}_*.alive"):
                print(f"{job.stem}|{state}")
    return 0


def scancel(jobs: Path, words: list[str]) -> int:
    """Ends the tasks of some jobs; with `--state=PENDING` none, as none waits."""
    for job in () if "--state=PENDING" in words else words:
        for marker in jobs.glob(f"{job}_*.alive"):
            os.killpg(int(marker.read_text()), signal.SIGTERM)
            marker.unlink(missing_ok=True)
    return 0


def scontrol(jobs: Path, words: list[str]) -> int:
    """Writes down what it was asked for."""
    with (jobs / "scontrol.log").open("a") as log:
        log.write(" ".join(words) + "\n")
    return 0


if __name__ == "__main__":
    called = {"sbatch": sbatch, "squeue": squeue, "scancel": scancel, "scontrol": scontrol}[sys.argv[1]]
    sys.exit(called(Path(sys.argv[2]), sys.argv[3:]))
