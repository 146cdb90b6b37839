"""Many copies of one command on one study: who trains what, how long they stay, and what a claim costs.

usage: python benchmarks/copies.py [copies] [runs] [seconds per run] [extra overrides …]
       python benchmarks/copies.py record          8 copies, 48 runs of 0.5 s, three times, into the pages' data
       python benchmarks/copies.py claims          what claims and their tests cost here
       python benchmarks/copies.py cold [copies]   copies that start where nothing is compiled

Copies train with a learner that sleeps. `tail` is the time from the last record to the end of the last copy.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
COPY = """
import sys, time
sys.path.insert(0, {here!r})
from overhead import NothingEngine, NothingLearner
seconds = float(sys.argv.pop(1))
class Sleeper(NothingLearner):
    def train(self, batches):
        plan = self._plan
        time.sleep(seconds * len(batches.indices) / (plan.num_train * plan.config.epochs))
        return super().train(batches)
class Engine(NothingEngine):
    def learner(self, plan, *rest):
        with open("trained.txt", "a") as told:  # one short line, so lines of several processes do not mix
            told.write(plan.name + "\\n")
        return Sleeper(plan, self._weights)
import lenet_ablate.sweep.run
engine = Engine()
lenet_ablate.sweep.run.make_engines = lambda options, models, runs: dict.fromkeys(models, engine)
from lenet_ablate.cli import main
main.main()
"""


def copies(count: int, runs: int, seconds: float, extra: list[str], told: bool) -> dict[str, Any]:
    """Copies of one command, each of which is told its share or not."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        words = ["-m", f"seed=range({runs})", "data=digits", "epochs=1", "study=s", f"output_dir={folder}", *extra]
        command = [sys.executable, "-c", COPY.format(here=str(HERE)), str(seconds), *words, "hydra.launcher.workers=1"]
        started, processes = time.time(), []
        for place in range(count):
            share = {"LENET_ABLATE_COPY": f"{place}/{count}"} if told else {}
            log = (Path(folder) / f"copy{place}").open("wb")
            processes.append(subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | share, cwd=folder))
        ends = [process.wait() for process in processes]
        ended = time.time()
        records = list(Path(folder).glob("s/*/status.json"))
        last = max(path.stat().st_mtime for path in records)
        states = Counter(json.loads(path.read_text())["status"] for path in records)
        starts = Counter(Counter((Path(folder) / "trained.txt").read_text().split()).values())
        return {
            "copies": count,
            "told their share": told,
            "exit statuses": sorted(set(ends)),
            "states": dict(states),
            "runs by times trained": dict(starts),
            "seconds": round(ended - started, 1),
            "tail": round(ended - last, 1),
        }


def claims(rounds: int = 200) -> dict[str, Any]:
    """Milliseconds of a claim and its release, and of the test at a sweep's start; medians."""
    from lenet_ablate.config.choices import Claim
    from lenet_ablate.records.claims import open_claims

    found: dict[str, Any] = {"rounds": rounds}
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        for kind in Claim:
            study = Path(folder) / kind.value
            found[f"start, {kind.value}, ms"] = _median(20, lambda study=study, kind=kind: _open(study, kind))
            with open_claims(study, kind, print) as opened:
                found[f"claim, {kind.value}, ms"] = _median(rounds, lambda opened=opened: _claim(opened))
    return found


def _open(study: Path, kind: Any) -> None:
    from lenet_ablate.records.claims import open_claims

    with open_claims(study, kind, print):
        pass


def _claim(opened: Any) -> None:
    with opened.claim("digits_max_relu_adam_lr0.001_bs64_e1_s0-0cb526df") as is_mine:
        assert is_mine


def _median(rounds: int, work: Any) -> float:
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return round(1e3 * statistics.median(seconds), 3)


def cold(count: int) -> dict[str, Any]:
    """Copies that load the compiled engine where nothing is compiled: CPU seconds of all, and how many compiled."""
    script = "from lenet_ablate.engines.compiled.kernels import load_kernels; load_kernels()"
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"LENET_ABLATE_CACHE": folder}
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
        processes = [
            subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True, env=environment)
            for _ in range(count)
        ]
        told = [process.communicate()[1] for process in processes]
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "copies": count,
        "exit statuses": sorted({process.returncode for process in processes}),
        "compiled": sum("compiling the engine" in text for text in told),
        "cpu seconds": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
        "seconds": round(time.time() - started, 1),
    }


def main() -> None:
    """Measure what was asked for and print a JSON line for each."""
    words = sys.argv[1:]
    if words[:1] == ["record"]:
        from measured import record

        record("copies", [copies(8, 48, 0.5, [], told) for _ in range(3) for told in (True, False)])
    elif words[:1] == ["claims"]:
        print(json.dumps(claims()))
    elif words[:1] == ["cold"]:
        print(json.dumps(cold(int(words[1]) if len(words) > 1 else 8)))
    else:
        count, runs = int(words[0]) if words else 8, int(words[1]) if len(words) > 1 else 48
        seconds = float(words[2]) if len(words) > 2 else 0.5
        for told in (True, False):
            print(json.dumps(copies(count, runs, seconds, words[3:], told)), flush=True)


if __name__ == "__main__":
    main()
