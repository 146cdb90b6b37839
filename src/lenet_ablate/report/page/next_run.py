"""What to run next, as a command to paste: what is unfinished, then more seeds where something is open."""

from __future__ import annotations

import dataclasses
import itertools
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from lenet_ablate.config.own_code import has_own_code, network_parts
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.records.record import State
from lenet_ablate.report.analysis.results import Code, StudyAnalysis
from lenet_ablate.report.page.code_words import factory_at_hand, with_code_at_hand
from lenet_ablate.report.page.commands import DEFAULT_STUDY, variant_command, variants_command
from lenet_ablate.report.study.factors import REPLICATE
from lenet_ablate.report.study.study import Study
from lenet_ablate.report.text.wording import plural

FIRST_SEEDS, MAX_LISTED, MAX_ADVISED = 3, 10, 200
FINAL_SEEDS, DEAR = 10, 5
"""Where all settings would take more than DEAR times the runs so far, the best ones alone are to have so many seeds."""
RATES = ("0.1", "0.01", "0.001", "0.0001")
OPEN = (Code.one_run, Code.not_distinguishable)


@dataclass(frozen=True)
class NextRun:
    """What to do next.

    Attributes:
        why: What it is good for, in a few words.
        commands: One or two commands, each quoted for a shell.
        cost: How many runs that is and how long they take, and what it would leave open; empty where not known.
    """

    why: str
    commands: tuple[str, ...]
    cost: str = ""


def next_run(study: Study, analysis: StudyAnalysis, rivals: Sequence[str] = ()) -> NextRun:
    """The next thing to run for a study with a finished run.

    Args:
        study: The study.
        analysis: What is known of it.
        rivals: The variants that are as good as the best one, as far as can be told.
    """
    waiting = sum(not State(status).is_finished for status in study.runs["status"])
    if waiting and (commands := _sweeps(study)):
        have = "has" if waiting == 1 else "have"
        why = f"finish the {plural(waiting, 'run')} that {have} no result yet"
        return NextRun(why, commands, _cost(study, waiting))
    if study.design.loc[study.design["is_usable"], "is_collapsed"].all() and (commands := _other_rates(study)):
        return NextRun("look for a learning rate at which it learns, or train longer", commands)
    used = sorted({int(seed) for seed in study.design[REPLICATE]})
    if study.design["variant"].nunique() < 2:
        if len(used) < 2:
            return _more_seeds(study, analysis, used, FIRST_SEEDS - 1, "see how much of its figure is chance")
        return NextRun("nothing is open; use it", (_predict(study, analysis),))
    if not study.design.loc[study.design["is_usable"], "variant"].duplicated().any():
        return _more_seeds(study, analysis, used, FIRST_SEEDS - 1, "tell a difference from chance")
    pairs = pd.concat([factor.pairs for factor in analysis.factors if len(factor.pairs)] or [pd.DataFrame()])
    undecided = pairs[pairs["verdict_code"].isin(OPEN)] if len(pairs) else pairs
    more = _seeds_by_factor(undecided)
    fewest = min(more.values(), default=MAX_ADVISED + 1)
    is_dear = fewest * study.design["variant"].nunique() > DEAR * len(study.runs)
    if len(undecided) and is_dear and (narrowed := _narrowed(study, analysis, used, rivals)):
        return narrowed
    if fewest <= MAX_ADVISED:
        keys = " and ".join(key for key, seeds in more.items() if seeds == fewest)
        asked = _more_seeds(
            study, analysis, used, fewest, f"tell a difference of {100 * study.criteria.target:g} pp in {keys}"
        )
        return dataclasses.replace(asked, cost="; ".join([asked.cost, *_dearer(more, fewest)]))
    why = "more seeds would hardly settle what is open; use the best" if len(undecided) else "nothing is open; use it"
    return NextRun(why, (_predict(study, analysis),))


def _narrowed(study: Study, analysis: StudyAnalysis, used: Sequence[int], rivals: Sequence[str]) -> NextRun | None:
    """More seeds of the best variants alone; None unless they are few beside all, and one command can name them."""
    names = [analysis.best_variant, *rivals][:MAX_LISTED]
    configs = [config for config in map(study.config_of, names) if config and not has_own_code(config)]
    count = FINAL_SEEDS - len(used)
    if not rivals or count < 1 or len(configs) < len(names) or 2 * len(names) > study.design["variant"].nunique():
        return None
    first = max(used) + 1
    command = variants_command(configs, range(first, first + count), study.name)
    why = f"{plural(count, 'more seed')} of the {len(names)} best settings alone, to tell them apart"
    return NextRun(why, (command,), _cost(study, count * len(names))) if command else None


def _predict(study: Study, analysis: StudyAnalysis) -> str:
    """The command that shows what the best run makes of some test digits."""
    outputs = study.folder.parent
    where = [] if outputs == Path("outputs") else ["--outputs", str(outputs)]
    best = study.config_of(analysis.best_variant)
    code = [("--factory", factory_at_hand(study, best, key)) for key in network_parts(best)] if best else []
    shown = ["--test", "20", "--show", "digits.png"]
    return shlex.join(["lenet-predict", *where, "--study", study.name, *itertools.chain(*code), *shown])


def _other_rates(study: Study) -> tuple[str, ...]:
    """The sweeps' commands with learning rates that were not tried yet."""
    tried = {str(config.lr) for config in study.configs.values()}
    rates = ",".join(rate for rate in RATES if rate not in tried)
    return tuple(dict.fromkeys(_with(command, "lr", rates) for command in _sweeps(study))) if rates else ()


def _seeds_by_factor(undecided: pd.DataFrame) -> dict[str, int]:
    """How many more seeds it takes, at the least, to decide a pair of each factor; the fewest first."""
    if undecided.empty:
        return {}
    fewest = undecided[undecided["seeds_more"].fillna(0) > 0].groupby("factor", sort=False)["seeds_more"].min()
    return {str(key): int(count) for key, count in fewest.sort_values(kind="stable").items()}


def _dearer(more: dict[str, int], fewest: int) -> list[str]:
    """What it takes to decide the factors that so many seeds would not."""
    counts = {key: f"more than {MAX_ADVISED}" if seeds > MAX_ADVISED else f"{seeds}" for key, seeds in more.items()}
    return [f"for {key} it would take {counts[key]} more seeds" for key, seeds in more.items() if seeds > fewest]


def _more_seeds(study: Study, analysis: StudyAnalysis, used: Sequence[int], count: int, why: str) -> NextRun:
    first = max(used, default=-1) + 1
    seeds = range(first, first + count)
    told = ",".join(map(str, seeds)) if count <= MAX_LISTED else f"range({first},{first + count})"
    commands = tuple(dict.fromkeys(_with(command, REPLICATE, told) for command in _sweeps(study)))
    if not commands:
        config = study.config_of(analysis.best_variant)
        commands = (variant_command(config, list(seeds)[:MAX_LISTED], study.name),) if config else ()
        commands = tuple(_at_hand(study, [config], command) for command in commands if config)
    runs = count * study.design["variant"].nunique()
    return NextRun(f"{plural(count, 'more seed')} to {why}", commands, _cost(study, runs))


def _sweeps(study: Study) -> tuple[str, ...]:
    """The commands of the study's sweeps, each that adds a variant; those that only added seeds tell nothing new."""
    known: set[str] = set()
    commands: dict[str, None] = {}
    variants = dict(zip(study.design["run"], study.design["variant"].astype(str), strict=True))
    for sweep in study.sweeps:
        own = {variants[run.run] for run in sweep.runs if run.run in variants}
        if sweep.command and not own <= known:
            command = _at_hand(study, [run.config for run in sweep.runs], sweep.command)
            commands[_in_this_study(command, study.name)] = None
            known |= own
    return tuple(commands)


def _in_this_study(command: str, name: str) -> str:
    """The command for a study that has another name since, as after `lenet-runs mv` or where its folder was copied."""
    try:
        words = shlex.split(command)
    except ValueError:  # see `_with`
        return command
    given = [word.removeprefix("study=") for word in words if word.startswith("study=")]
    ready_made = [word.removeprefix("experiment=").strip("[]") for word in words if word.startswith("experiment=")]
    usual = given[-1:] or ready_made or [DEFAULT_STUDY]
    return command if name in usual or "," in usual[0] else _with(command, "study", name)


def _at_hand(study: Study, configs: Sequence[RunConfig], command: str) -> str:
    """The command of these runs, which trains what the study was trained with also once its own code was edited."""
    if not any(map(has_own_code, configs)):
        return command
    try:
        return shlex.join(with_code_at_hand(study, configs, shlex.split(command)))
    except ValueError:  # see `_with`
        return command


def _with(command: str, key: str, values: str) -> str:
    try:
        words = shlex.split(command)
    except ValueError:  # as somebody typed it, and not as a shell takes it
        return command
    kept = [word for word in words if not word.startswith(f"{key}=")]
    return shlex.join([*kept, f"{key}={values}"])


def _cost(study: Study, runs: int) -> str:
    seconds = study.runs["wall_seconds"].dropna().astype(float)
    told = plural(runs, "run")
    return f"{told}, about {duration(runs * float(seconds.median()))} of training" if len(seconds) else told


def duration(seconds: float) -> str:
    """`40 s`, `12 min`, `3.5 h`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
