"""`kill -9` at any instant, then the same command: the same bytes, and nothing finished is trained again."""

from __future__ import annotations

import itertools
import signal
import time
from pathlib import Path

from soak.harness import Figure, contents, differences, first_line_of_trouble, fresh, generator
from support.forked import Child, command

PROMISE = "kill -9 at random, same command again: same bytes, nothing finished is trained again"
TRIALS = 200
POINTS = ("data=digits", "epochs=2", "lr=0.01,0.001", "pool=max,avg", "study=killed")
VARIATIONS = [
    (f"engine={engine}", f"checkpoint={checkpoint}", f"log_every={every}", f"logger={logger}")
    for (engine, checkpoint, every), logger in itertools.product(
        [("compiled", "last", 0), ("torch", "every", 5), ("compiled", "best", 5), ("torch", "last", 0)],
        ["none", "tensorboard"],
    )
]


def run(folder: Path, share: float = 1.0) -> Figure:
    """Kill, run again, compare; each variation has its own uninterrupted study to be compared with."""
    draw, broken = generator(PROMISE), []
    trials = max(len(VARIATIONS), round(TRIALS * share))
    for number, variation in enumerate(VARIATIONS):
        words = ["lenet-ablate", *POINTS, *variation]
        reference = fresh(folder / f"reference-{number}")
        whole = command(words, reference)
        wanted = contents(reference / "outputs/killed")
        for trial in range(number, trials, len(VARIATIONS)):
            place = fresh(folder / "trial")
            trouble = _trial(words, place, draw.uniform(0.05, 0.95) * whole.seconds, wanted)
            broken += [f"{' '.join(variation)}, trial {trial}: {trouble}"] if trouble else []
    return Figure(PROMISE, trials, tuple(broken), "2 engines, 3 kinds of checkpoint, with and without a logger")


def _trial(words: list[str], place: Path, seconds: float, wanted: dict[str, bytes]) -> str:
    child = Child(words, place)
    time.sleep(seconds)
    child.send(signal.SIGKILL)
    child.wait()
    study = place / "outputs/killed"
    finished = {run: (study / run / "model.safetensors").stat() for run in {p.split("/")[0] for p in contents(study)}}
    again = command(words, place)
    if again.status or first_line_of_trouble(again.text):
        return f"the same command ended with {again.status}: {again.text[-300:]}"
    retrained = [run for run, was in finished.items() if (study / run / "model.safetensors").stat() != was]
    return f"{retrained[0]} was trained again" if retrained else differences(wanted, contents(study))
