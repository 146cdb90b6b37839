"""Every file of a finished run flipped, cut or emptied: seen by the sweep, by the report and by the prediction."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from lenet_ablate.config.plan import identity
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.errors import LenetAblateError
from lenet_ablate.predict.trained import read_trained
from lenet_ablate.records.read import read_finished, read_run
from lenet_ablate.records.settings import read_config
from soak.harness import Figure, fresh, generator
from support.forked import command

PROMISE = "a flipped, cut or emptied file of a finished run is seen"
TRIALS = 4500
POINTS = ("data=digits", "epochs=2", "study=flips", "checkpoint=every", "log_every=5")


def run(folder: Path, share: float = 1.0) -> Figure:
    """Damage one signed file at a time, at places drawn evenly over all of them."""
    draw, broken = generator(PROMISE), []
    place = fresh(folder / "whole")
    command(["lenet-ablate", *POINTS], place)
    (whole,) = (path.parent for path in (place / "outputs/flips").glob("*/status.json"))
    status = json.loads((whole / "status.json").read_bytes())
    config = read_config(whole)
    names = [*status["files"], "status.json"]
    trials = max(len(names), round(TRIALS * share))
    damaged = folder / "damaged" / whole.name
    shutil.rmtree(damaged.parent, ignore_errors=True)
    shutil.copytree(whole, damaged)
    for trial in range(trials):
        name = names[trial % len(names)]
        content = (whole / name).read_bytes()
        worse, what = _damage(content, draw.choice(("flip", "cut", "zero", "empty")), draw.randrange(1 << 30))
        (damaged / name).write_bytes(worse)
        trouble = _judge(damaged, config, name)
        broken += [f"{name}, {what}: {trouble}"] if trouble else []
        (damaged / name).write_bytes(content)
    return Figure(PROMISE, trials, tuple(broken), f"{len(names)} files: bits flipped, tails cut, bytes zeroed, emptied")


def _damage(content: bytes, kind: str, number: int) -> tuple[bytes, str]:
    """The content made different, and how."""
    at = number % max(1, len(content))
    if kind == "cut":
        return content[:at], f"cut at {at}"
    if kind == "zero" and any(content[at : at + 64]):
        return content[:at] + bytes(len(content[at : at + 64])) + content[at + 64 :], f"64 zeros at {at}"
    if kind == "empty":
        return b"", "emptied"
    return content[:at] + bytes([content[at] ^ (1 << number % 8)]) + content[at + 1 :], f"bit {number % 8} of byte {at}"


def _judge(run: Path, config: RunConfig, name: str) -> str:
    """Who takes a damaged run for a whole one; nobody may."""
    record, finished = read_run(run), read_finished(run, config)
    if name == "status.json":  # what is told in it need not be damaged by each flip; what is must not lead astray
        return "" if finished is None or finished.identity == identity(config) else "another identity passes"
    if record.state.is_finished:
        return "the report takes it for whole"
    if finished is not None:
        return "the sweep takes it for done"
    try:
        read_trained(run)
    except LenetAblateError:
        return ""
    return "" if name not in ("model.safetensors", "config.yaml") else "the prediction takes it for whole"
