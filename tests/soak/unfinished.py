"""A file of an unfinished run damaged before it goes on: the same bytes as without."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from soak.harness import Figure, contents, differences, first_line_of_trouble, fresh, generator
from support.forked import Child, command

PROMISE = "a damaged file of an unfinished run never enters a finished one"
TRIALS = 60
POINTS = ("data=digits", "epochs=3", "lr=0.01", "study=torn")
KINDS = (("checkpoint=every", "log_every=5"), ("checkpoint=best", "log_every=5"), ("engine=torch", "checkpoint=every"))


def run(folder: Path, share: float = 1.0) -> Figure:
    """Interrupt, damage each file that lies there, run again and compare."""
    draw, broken = generator(PROMISE), []
    trials = max(len(KINDS), round(TRIALS * share))
    for number, kind in enumerate(KINDS):
        words = ["lenet-ablate", *POINTS, *kind]
        reference = fresh(folder / f"reference-{number}")
        whole = command(words, reference)
        wanted = contents(reference / "outputs/torn")
        for _ in range(number, trials, len(KINDS)):
            place = fresh(folder / "trial")
            child = Child(words, place)
            time.sleep(draw.uniform(0.4, 0.9) * whole.seconds)
            child.send(signal.SIGTERM)
            child.wait()
            files = [
                path
                for path in sorted((place / "outputs/torn").glob("*/**/*"))
                if path.is_file() and path.name != "run.log" and ".hydra" not in path.parts
            ]
            if not files:
                continue
            path = draw.choice(files)
            content = path.read_bytes()
            at = draw.randrange(max(1, len(content)))
            worse = {"cut": content[:at], "empty": b"", "flip": content[:at] + b"\xa5" + content[at + 1 :]}
            path.write_bytes(worse[draw.choice(sorted(worse))])
            again = command(words, place)
            trouble = "" if not again.status else f"ended with {again.status}: {again.text[-200:]}"
            trouble = trouble or (first_line_of_trouble(again.text) and "a traceback")
            trouble = trouble or differences(wanted, contents(place / "outputs/torn"))
            broken += [f"{' '.join(kind)}, {path.name}: {trouble}"] if trouble else []
    return Figure(
        PROMISE, trials, tuple(broken), "checkpoints, metrics, kept weights, batch losses; cut, emptied, flipped"
    )
