"""Several sweeps in one study at once, one of them killed or stopped: every run is trained once."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path

from soak.harness import Figure, contents, differences, first_line_of_trouble, fresh, generator
from support.forked import Child, command

PROMISE = "2 or 3 sweeps at once in one study, one of them killed in every other round: each run once, the same bytes"
ROUNDS = 100
POINTS = (
    "data=digits",
    "epochs=1",
    "lr=0.01,0.003,0.001",
    "pool=max,avg",
    "study=together",
    "hydra.launcher.workers=1",
)


def run(folder: Path, share: float = 1.0) -> Figure:
    """Start them a moment apart, wait for all, run once more where one was killed, and compare."""
    draw, broken = generator(PROMISE), []
    words = ["lenet-ablate", *POINTS]
    reference = fresh(folder / "reference")
    whole = command(words, reference)
    wanted = contents(reference / "outputs/together")
    rounds = max(4, round(ROUNDS * share))
    for number in range(rounds):
        place = fresh(folder / "round")
        children = []
        for _ in range(2 + number % 2):
            children.append(Child(words, place))
            time.sleep(draw.uniform(0, 0.05))
        is_killing = number % 2 == 0
        if is_killing:
            time.sleep(draw.uniform(0.1, 0.7) * whole.seconds)
            children[0].send(signal.SIGKILL)
        ended = [child.wait() for child in children][int(is_killing) :]
        trouble = next((f"ended with {one.status}: {one.text[-200:]}" for one in ended if one.status), "")
        trouble = trouble or next((line for one in ended if (line := first_line_of_trouble(one.text))), "")
        trained = sum(int(count) for one in ended for count in re.findall(r"^(\d+) trained", one.text, re.MULTILINE))
        if not trouble and not is_killing and trained != len(list((place / "outputs/together").glob("*/status.json"))):
            trouble = f"{trained} trainings of 6 runs"
        trouble = trouble or differences(wanted, contents(place / "outputs/together"))
        broken += [f"round {number}: {trouble}"] if trouble else []
    return Figure(PROMISE, rounds, tuple(broken), "each round 6 runs")
