"""What a sweep tells the user, as text: when it begins, when a run ends, when it has ended."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence

from lenet_ablate.config.grid_words import as_typed
from lenet_ablate.config.text_words import key_of
from lenet_ablate.engines.base import Engine
from lenet_ablate.records.record import LOG, State
from lenet_ablate.studies.jobs import Ended, Sweep, SweepResult
from lenet_ablate.sweep.progress import format_seconds

MAX_AGAIN = 3


def opening(sweep: Sweep, todo: int) -> str:
    """How many runs there are, are done, and are to train."""
    skipped = len(sweep.jobs) - todo
    count = f"{_count(len(sweep.jobs), 'run')} in {sweep.study}"
    if sweep.options.repair:
        return f"repairing {sweep.study}: {_count(todo, 'damaged run') if todo else 'nothing is damaged'}"
    if not todo:
        return f"{count}: all done already, nothing to train"
    done = f"{skipped} already done, " if skipped else ""
    return f"{count}: {done}{todo} to train"


def retrained_lines(reasons: Mapping[str, str]) -> list[str]:
    """A line for each run that had a result and is trained again; of many the first few and how many more."""
    lines = [f"again {label}: {reason}" for label, reason in reasons.items()]
    rest = len(lines) - MAX_AGAIN
    return lines if rest <= 1 else [*lines[:MAX_AGAIN], f"and {rest} more likewise"]


def engines_line(engines: Iterable[Engine], workers: int, isolate: bool) -> str:
    """What trains them, how many at a time, and whether in processes of their own."""
    return f"training with {engines_text(engines, workers)}" + (", in processes of their own" if isolate else "")


def engines_text(engines: Iterable[Engine], workers: int) -> str:
    """As in `compiled on cpu and torch on cpu, 2 side by side`."""
    names = " and ".join(sorted({f"{engine.name} on {engine.device}" for engine in engines}))
    return names + (f", {workers} side by side" if workers > 1 else "")


def run_line(sweep: Sweep, ended: Ended) -> str:
    """How one run ended, in one line."""
    name = sweep.label(ended.job)
    seconds = format_seconds(ended.seconds) if ended.is_ours else "by another sweep"
    if ended.state is State.failed:
        return f"{name}: FAILED, {ended.error}"
    if ended.state is State.interrupted:
        return f"{name}: interrupted after {seconds}, saved"
    last = ended.last
    if ended.state is State.diverged or last is None:
        return f"{name}: DIVERGED in epoch {last.epoch if last else '?'}, {seconds}"
    loss = f"running train loss {last.train_loss_running:.4f}"
    return f"{name}: test accuracy {last.test_accuracy or 0:.2%}, {loss}, {seconds}"


def closing(sweep: Sweep, result: SweepResult, is_whole: bool = True) -> str:
    """What was done, every failure with the command that retries it, and what to do next."""
    done, failed = result.select(State.done), result.select(State.failed)
    trained = sum(ended.is_ours for ended in done)
    diverged = result.select(State.diverged)
    counts = [f"{trained} trained"] if result.ended or result.elsewhere else []
    counts += [f"{len(done) - trained} done by another sweep"] if len(done) > trained else []
    counts += [f"{result.skipped} already done"] if result.skipped else []
    counts += [f"{len(diverged)} diverged"] if diverged else []
    counts += [f"{len(failed)} failed"] if failed else []
    counts += [f"{result.elsewhere} left to other copies"] if result.elsewhere else []
    counts += [f"{result.unfinished} unfinished"] if result.unfinished else []
    lines = [f"{', '.join(counts)} in {format_seconds(result.seconds)}"]
    if diverged:
        lines += [f"warning: {_count(len(diverged), 'run')} diverged (the loss became NaN or infinite):"]
        lines += [f"  {sweep.label(ended.job)}: {ended.folder}" for ended in diverged]
    for ended in failed:
        lines += [f"failed: {sweep.label(ended.job)}: {ended.error}"]
        lines += [f"  log:   {log}"] if os.access(log := ended.folder / LOG, os.R_OK) else []
        lines += [f"  retry: {shlex.join(['lenet-ablate', *sweep.flags, *as_typed(ended.job.overrides)])}"]
    if result.is_cut_short:
        lines += ["stopped at a failed run (hydra.launcher.on_error=stop); the same command goes on with the others"]
    if result.stop_status:
        lines += [f"interrupted; the same command resumes: {sweep.command}"]
    elif is_whole and (result.skipped or done) and not sweep.options.report:
        lines += [f"next: {report_command(sweep)}"]
    return "\n".join(lines)


def search_closing(
    sweep: Sweep, counts: Mapping[str, int], value: str, words: Sequence[str], fixed: Sequence[str], status: int
) -> str:
    """What a search found, and what to do about it.

    Args:
        sweep: Tells the study.
        counts: Trials by how they ended, all of them first.
        value: The best one's figure.
        words: The best one's point.
        fixed: The words that all trials share.
        status: The command's exit status.
    """
    ends = [f"{count} {kind}" for kind, count in counts.items() if count]
    lines = [f"best of {ends[0]}" + (f" ({', '.join(ends[1:])})" if ends[1:] else "") + f": {value}: {' '.join(words)}"]
    again = [word for word in as_typed(fixed) if key_of(word) not in ("study", "report", "seed")]
    used = [int(number) for word in fixed if key_of(word) == "seed" for number in re.findall(r"\d+", word)]
    seeds = ",".join(str(max(used, default=0) + more) for more in range(1, 6))
    confirm = shlex.join(["lenet-ablate", *again, *words, f"seed={seeds}", f"study={sweep.options.study}_best"])
    lines += [f"the best of many by chance looks better than it is; judge it with other seeds: {confirm}"]
    unfinished = status and counts["unfinished"]
    lines += ["interrupted; the same command goes on" if unfinished else f"next: {report_command(sweep)}"]
    return "\n".join(lines)


def report_command(sweep: Sweep) -> str:
    """The command that reports the sweep's study: that study alone where others lie beside it."""
    words = ["lenet-report", sweep.options.output_dir]
    others = (path for path in sweep.study.parent.iterdir() if path.name != sweep.study.name)
    with contextlib.suppress(OSError):  # a folder that may not be entered
        if any((path / "sweeps").is_dir() for path in others):
            words += ["--study", sweep.study.name]
    return shlex.join(words)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
