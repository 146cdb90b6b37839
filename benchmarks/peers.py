"""LeNet-5 on MNIST beside what else one would train it with: seconds per epoch and accuracy, each in its environment.

usage: python benchmarks/peers.py [NAME …] [--way one|threads|side] [--cache DIR] [--data DIR] [--epochs N]

Contestants are programs in benchmarks/peers/; environments (10 GB) are made in the cache folder when first needed.
What is measured goes into docs/results/data/peers.jsonl, replacing what was measured of the same before; the README's
table is made from that by scripts/update-readme. Linux only, since contestants are held on cores.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import subprocess
import sys
import venv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PROGRAMS = ROOT / "benchmarks/peers"
RESULTS = ROOT / "docs/results/data/peers.jsonl"
ENVIRONMENTS: Mapping[str, tuple[str, ...]] = {
    "pytorch": ("torch", "torchvision", "lightning", "keras", f"--editable={ROOT}"),
    "jax": ("jax", "optax", "keras"),
    "tensorflow": ("tensorflow-cpu", "keras"),
}
"""What is installed into each; contestants on the same library share it, so that they compute with the same code."""
ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
TIMEOUT_SECONDS = 1800.0


@dataclass(frozen=True)
class Contestant:
    """A program and how it is started; `threads` are the words of one training that has all cores."""

    environment: str
    program: str
    words: tuple[str, ...] = ()
    threads: tuple[str, ...] | None = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    side_in_one: bool = False


CONTESTANTS: Mapping[str, Contestant] = {
    "recipe": Contestant("pytorch", "pytorch_recipe.py", threads=("--workers", "2")),
    "lightning": Contestant("pytorch", "lightning_trainer.py"),
    "memory": Contestant("pytorch", "pytorch_memory.py"),
    "compile": Contestant("pytorch", "pytorch_memory.py", ("--compile", "yes")),
    "jax": Contestant("jax", "jax_optax.py"),
    "keras-jax": Contestant("jax", "keras_fit.py", variables={"KERAS_BACKEND": "jax"}),
    "keras-tensorflow": Contestant("tensorflow", "keras_fit.py", variables={"KERAS_BACKEND": "tensorflow"}),
    "keras-torch": Contestant("pytorch", "keras_fit.py", variables={"KERAS_BACKEND": "torch"}),
    "ablate-torch": Contestant("pytorch", "lenet_ablate_runs.py", ("--engine", "torch"), None, side_in_one=True),
    "ablate": Contestant("pytorch", "lenet_ablate_runs.py", ("--engine", "compiled"), None, side_in_one=True),
}


class Unavailable(Exception):
    """A contestant cannot be installed or does not run; says why in one line."""


def environment(name: str, cache: Path) -> Path:
    """The Python of an environment, made and filled where it is not there as asked for."""
    folder, wanted = cache / name, list(ENVIRONMENTS[name])
    python, stamp = folder / "bin/python", folder / "installed.json"
    if stamp.exists() and json.loads(stamp.read_text()) == wanted:
        return python
    print(f"installing {name} into {folder}", file=sys.stderr)
    venv.create(folder, with_pip=True)
    done = subprocess.run([python, "-m", "pip", "install", "--quiet", *wanted], capture_output=True, text=True)
    if done.returncode:
        raise Unavailable(f"pip: {last_line(done.stderr)}")
    stamp.write_text(json.dumps(wanted))
    return python


def last_line(text: str) -> str:
    """The last line that says something, which is where Python and pip put the reason."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "no message"


def start(python: Path, contestant: Contestant, words: Iterable[str], cores: set[int]) -> subprocess.Popen[str]:
    """Start a contestant that may use these cores alone; on a single one every library is told so, too."""
    variables = {key: value for key, value in os.environ.items() if key not in ONE_THREAD}
    variables |= dict.fromkeys(ONE_THREAD, "1") if len(cores) == 1 else {}
    return subprocess.Popen(
        [str(python), str(PROGRAMS / contestant.program), *contestant.words, *words],
        env=variables | {"TF_CPP_MIN_LOG_LEVEL": "2"} | dict(contestant.variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )


def measure(contestant: Contestant, way: str, python: Path, given: list[str]) -> list[dict[str, Any]]:
    """What each training answered: `one` on one core, `threads` with all cores, `side` one training per core."""
    cores = sorted(os.sched_getaffinity(0))
    if way == "one":
        started = [start(python, contestant, given, {cores[0]})]
    elif way == "threads":
        started = [start(python, contestant, [*given, *(contestant.threads or ())], set(cores))]
    elif contestant.side_in_one:
        started = [start(python, contestant, [*given, "--runs", str(len(cores))], set(cores))]
    else:
        started = [start(python, contestant, [*given, "--seed", str(seed)], {core}) for seed, core in enumerate(cores)]
    found = []
    for process in started:
        try:
            said, complaints = process.communicate(timeout=TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            raise Unavailable(f"took more than {TIMEOUT_SECONDS:.0f} s") from None
        finally:
            process.kill()
        if process.returncode:
            raise Unavailable(last_line(complaints))
        found += [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    return found


def keep(name: str, way: str, row: Mapping[str, Any]) -> None:
    """Put a measurement into the file in place of the older one; the order is that of the contestants."""
    rows = [json.loads(line) for line in RESULTS.read_text().splitlines()] if RESULTS.exists() else []
    rows = [each for each in rows if (each["contestant"], each["way"]) != (name, way)]
    order = {(one, how): number for number, (one, how) in enumerate((c, w) for c in CONTESTANTS for w in WAYS)}
    rows = sorted([*rows, {"contestant": name, "way": way, **row}], key=lambda r: order[r["contestant"], r["way"]])
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text("".join(json.dumps(each, ensure_ascii=False) + "\n" for each in rows))


WAYS = ("one", "threads", "side")


def machine() -> dict[str, Any]:
    """What the seconds depend on besides the programs."""
    processor = platform.machine()
    with contextlib.suppress(OSError, IndexError):
        about = Path("/proc/cpuinfo").read_text()
        processor = about.split("model name")[1].split(":", 1)[1].splitlines()[0].strip()
    return {"processor": processor, "cores": len(os.sched_getaffinity(0)), "python": platform.python_version()}


def main() -> None:
    """Measure what is asked for, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"contestants, of: {', '.join(CONTESTANTS)}")
    parser.add_argument("--way", choices=WAYS, action="append", help="one core, threads on all, or side by side")
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/lenet-ablate-peers").expanduser())
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("LENET_ABLATE_DATA", "data")))
    parser.add_argument("--epochs", type=int, default=5)
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(CONTESTANTS):
        parser.error(f"no such contestant: {', '.join(sorted(unknown))}")
    given = ["--data", str(asked.data.resolve()), "--epochs", str(asked.epochs)]
    for name in asked.names or CONTESTANTS:
        for way in asked.way or WAYS:
            contestant = CONTESTANTS[name]
            if way == "threads" and contestant.threads is None:
                continue
            try:
                trained = measure(contestant, way, environment(contestant.environment, asked.cache), given)
                row = {"trainings": trained, **machine()}
            except Unavailable as reason:
                row = {"failed": str(reason), **machine()}
            keep(name, way, row)
            print(json.dumps({"contestant": name, "way": way, **row}), flush=True)


if __name__ == "__main__":
    main()
