"""What happens when many workers share one study folder: a simulation, with figures measured on this machine.

usage: python benchmarks/scaling.py [--runs N] [--seconds S] [--ops-per-second N] [--spread F] [--measure]

Workers take runs from one study, each its own share first; every run asks the file server for its metadata operations
when it begins and when it ends, and the server answers one at a time, at a rate that is an assumption. Prints a table:
how long the whole takes, how much of the workers' time is training, files, operations per second, and what is nearest
to its limit. Then the same for a hundred times as many runs, by arithmetic. `--measure` measures the figures anew.
"""

from __future__ import annotations

import argparse
import dataclasses
import heapq
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

WORKERS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000)
NEAR = 0.7  # of a server's capacity: beyond, waiting grows without bound


@dataclass(frozen=True)
class Costs:
    """What a run costs besides its training; measured on two virtual cores of an AMD EPYC, Python 3.11.7, ext4.

    Attributes:
        start_seconds: From the command to the first run: Python, imports, data, the plan of one run.
        plan_seconds: Of each copy of the command, for each run of the sweep: composed and planned.
        read_seconds: Of each copy that starts later, for each run that is finished by then.
        run_seconds: Of a run: folder, record, calibration.
        begin_operations: Metadata operations (open, stat, rename, mkdir, unlink, lock) until a run trains.
        end_operations: From its last epoch until it is called finished.
        files: That a run leaves, its lock among them.
        run_bytes: That a run leaves: LeNet-5 with Adam.
        plan_bytes: Of the sweep's plan, for each run.
        run_memory: Bytes of memory of each copy, for each run of the sweep.
    """

    start_seconds: float = 1.3
    plan_seconds: float = 0.0003
    read_seconds: float = 0.0005
    run_seconds: float = 0.005
    begin_operations: int = 14
    end_operations: int = 19
    files: int = 7
    run_bytes: int = 750_000
    plan_bytes: int = 70
    run_memory: int = 3_000


@dataclass(frozen=True)
class Assumed:
    """What is not measured here.

    Attributes:
        ops_per_second: Metadata operations that the file server answers; a few thousand for one NFS server with disks,
            tens of thousands for one with flash or for a parallel file system.
        spread: Standard deviation of a run's length, as a part of it.
    """

    ops_per_second: float = 5000.0
    spread: float = 0.05


@dataclass(frozen=True)
class Outcome:
    """What a simulated sweep came to.

    Attributes:
        makespan: Seconds from the first command to the last record.
        efficiency: Training time over the time of all workers, 0..1.
        operations: Metadata operations per second while runs trained.
        busy: Part of the server's capacity that these took, 0..1.
        wait: Seconds that a run waited for the server, on average.
    """

    makespan: float
    efficiency: float
    operations: float
    busy: float
    wait: float


def simulate(num_runs: int, seconds: float, workers: int, costs: Costs, assumed: Assumed, seed: int = 0) -> Outcome:
    """One sweep: workers that take the next run once they have done one, and a server that answers in turn."""
    draw = random.Random(seed)
    lengths = [max(0.01, draw.gauss(1, assumed.spread)) * seconds for _ in range(num_runs)]
    ready = costs.start_seconds + num_runs * costs.plan_seconds
    free_at = waited = 0.0  # when the server has answered everything so far

    def ask(now: float, count: int) -> float:
        nonlocal free_at, waited
        begins = max(now, free_at)
        free_at = begins + count / assumed.ops_per_second
        waited += begins - now
        return free_at

    # A worker's turn: when, and whether its run begins there or ends there.
    turns = [(ready, worker, False) for worker in range(min(workers, num_runs))]
    heapq.heapify(turns)
    taken = 0
    last = 0.0
    while turns:
        now, worker, is_end = heapq.heappop(turns)
        if is_end:
            last = ask(now, costs.end_operations)
            heapq.heappush(turns, (last, worker, False))
        elif taken < num_runs:
            begun = ask(now, costs.begin_operations)
            heapq.heappush(turns, (begun + costs.run_seconds + lengths[taken], worker, True))
            taken += 1
    operations = num_runs * (costs.begin_operations + costs.end_operations) / (last - ready)
    trained = sum(lengths)
    return Outcome(last, trained / (workers * last), operations, operations / assumed.ops_per_second, waited / num_runs)


def shortest(workers: int, costs: Costs, assumed: Assumed) -> float:
    """Seconds that a run must take at least, so that so many workers leave the server below `NEAR` of its capacity."""
    return workers * (costs.begin_operations + costs.end_operations) / (NEAR * assumed.ops_per_second)


def limits(num_runs: int, workers: int, costs: Costs, assumed: Assumed, outcome: Outcome) -> str:
    """What costs most, in a few words."""
    ideal = outcome.makespan * outcome.efficiency
    plan = costs.start_seconds + num_runs * costs.plan_seconds
    lost = {
        "file server": outcome.wait * num_runs / workers,
        "planning in each copy": plan,
        "last wave": outcome.makespan - ideal - plan - outcome.wait * num_runs / workers,
    }
    name = max(lost, key=lambda key: lost[key])
    return f"{name} ({max(0.0, lost[name]) / outcome.makespan:.1%})"


def measure(costs: Costs) -> Costs:
    """The figures that a sweep with a learner that does nothing tells; see `overhead.py`."""
    words = [sys.executable, str(Path(__file__).with_name("overhead.py")), "400"]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    return dataclasses.replace(
        costs, run_seconds=found["ms_per_run"] / 1e3, read_seconds=found["again_ms_per_run"] / 1e3
    )


def table(num_runs: int, seconds: float, workers: Sequence[int], costs: Costs, assumed: Assumed) -> list[str]:
    """A line for each number of workers, under a head."""
    lines = [f"{'workers':>8} {'makespan':>10} {'training':>9} {'operations/s':>13} {'of server':>10}  costs most"]
    for count in workers:
        found = simulate(num_runs, seconds, count, costs, assumed)
        nearest = limits(num_runs, count, costs, assumed, found)
        lines.append(
            f"{count:>8,} {_time(found.makespan):>10} {found.efficiency:>9.1%} {found.operations:>13,.1f} "
            f"{found.busy:>10.1%}  {nearest}"
        )
    return lines


def on_paper(num_runs: int, seconds: float, costs: Costs, assumed: Assumed, workers: int = 1000) -> list[str]:
    """The same by arithmetic, where a simulation would say no more."""
    plan = costs.start_seconds + num_runs * costs.plan_seconds
    busy = workers / seconds * (costs.begin_operations + costs.end_operations) / assumed.ops_per_second
    return [
        f"{num_runs:,} runs of {seconds:g} s on {workers:,} workers, by arithmetic:",
        f"  makespan {_time(plan + num_runs * seconds / workers)}, of which planning in each copy {_time(plan)}",
        f"  files {num_runs * costs.files:,}, {num_runs * costs.run_bytes / 1e12:.2f} TB, in one folder",
        f"  plan {num_runs * costs.plan_bytes / 1e6:.0f} MB compressed; memory {num_runs * costs.run_memory / 1e9:.1f} "
        "GB in each copy",
        f"  a copy that starts when all is done reads for {_time(num_runs * costs.read_seconds)}",
        f"  file server at {busy:.0%} of its capacity, at {NEAR:.0%} with runs of "
        f"{shortest(workers, costs, assumed):.0f} s",
    ]


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def main() -> None:
    """Print the inputs, the table, and the arithmetic for a hundred times as many runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--ops-per-second", type=float, default=Assumed.ops_per_second)
    parser.add_argument("--spread", type=float, default=Assumed.spread)
    parser.add_argument("--measure", action="store_true")
    options = parser.parse_args()
    costs = measure(Costs()) if options.measure else Costs()
    assumed = Assumed(options.ops_per_second, options.spread)
    print("measured:", ", ".join(f"{key} {value:g}" for key, value in dataclasses.asdict(costs).items()))
    print("assumed: ", ", ".join(f"{key} {value:g}" for key, value in dataclasses.asdict(assumed).items()))
    size = options.runs * costs.run_bytes / 1e9
    print(f"{options.runs:,} runs of {options.seconds:g} s: {options.runs * costs.files:,} files, {size:.1f} GB")
    print("\n".join(table(options.runs, options.seconds, WORKERS, costs, assumed)))
    rate = WORKERS[-1] / options.seconds * costs.run_bytes / 1e6
    print(f"written at {WORKERS[-1]:,} workers: {rate:.1f} MB/s")
    for count in (100, 1000):
        print(f"{count:,} workers: the server is at {NEAR:.0%} with runs of {shortest(count, costs, assumed):.1f} s")
    print("\n".join(on_paper(100 * options.runs, options.seconds, costs, assumed)))


if __name__ == "__main__":
    main()
