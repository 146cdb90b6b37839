"""The table of runs, study by study, and the table of studies."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lenet_ablate.config.checks import closest
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.errors import ConfigError
from lenet_ablate.records.agreement import RUN_NAME
from lenet_ablate.records.record import State
from lenet_ablate.rendering.escape import one_line
from lenet_ablate.report.study.factors import REPLICATE, Factor, find_factors
from lenet_ablate.runs.collect import Entry
from lenet_ablate.runs.conditions import ALIASES
from lenet_ablate.runs.table import Column, table_lines

SHOWN = 20
BEST_FIRST = ("accuracy", "epochs_done", "changed")
"""Columns with such an ending are sorted from the top down."""


def by_study(entries: Sequence[Entry]) -> dict[Path, list[Entry]]:
    """The runs of each study, in their order; the studies by name."""
    groups: dict[Path, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.study, []).append(entry)
    return dict(sorted(groups.items(), key=lambda item: (item[0].name, str(item[0]))))


def sort(entries: Sequence[Entry], key: str | None) -> list[Entry]:
    """The runs in the order of a column, what is not known last; without one the newest first.

    Accuracies, epochs and times run from the top down, all else upwards; a `-` before the column turns that round.

    Raises:
        ConfigError: No run has such a column.
    """
    if key is None:
        return sorted(entries, key=lambda entry: (-entry.changed, entry.name))
    column = key.removeprefix("-")
    column = ALIASES.get(column, {"accuracy": "test_accuracy", "seconds": "wall_seconds"}.get(column, column))
    known = list(dict.fromkeys(name for entry in entries for name in entry.row))
    if entries and column not in known:
        guess = closest(column, known)
        meant = f"; did you mean {guess}?" if guess else ""
        raise ConfigError(f"--sort {one_line(key)}: there is no such column{meant}")
    is_down = column.endswith(BEST_FIRST) != key.startswith("-")
    there = [entry for entry in entries if entry.row.get(column) is not None]
    numbers = [entry for entry in there if isinstance(entry.row[column], (int, float))]
    words = [entry for entry in there if not isinstance(entry.row[column], (int, float))]
    rest = [entry for entry in entries if entry.row.get(column) is None]
    ordered = sorted(numbers, key=lambda entry: entry.row[column], reverse=is_down)
    return ordered + sorted(words, key=lambda entry: str(entry.row[column]), reverse=is_down) + rest


def run_lines(entries: Sequence[Entry], width: int | None, *, show_all: bool) -> Iterator[str]:
    """A line on each study, and its table.

    Args:
        entries: The runs, sorted.
        width: Characters of a line; None: any number.
        show_all: Whether all runs of a study are shown, not only the first ones.
    """
    now = time.time()
    for number, (study, runs) in enumerate(by_study(entries).items()):
        yield from [""] * (number > 0)
        yield f"{one_line(study.name)}: {counts_text(runs)}"
        shown = runs if show_all else runs[:SHOWN]
        yield from table_lines(_columns(runs, shown, now), width)
        if len(shown) < len(runs):
            yield f"… {len(runs) - len(shown):,} more; --all shows them"


def study_lines(entries: Sequence[Entry], width: int | None) -> list[str]:
    """The table of studies."""
    groups, now = by_study(entries), time.time()
    counts = {study: count_states(runs) for study, runs in groups.items()}
    states = [state for state in State if any(count.get(state) for count in counts.values())]
    best = [_best(runs) for runs in groups.values()]
    columns = [
        Column("study", [study.name for study in groups]),
        Column("runs", [f"{len(runs):,}" for runs in groups.values()], True),
        *(Column(s.value, [f"{count.get(s, 0):,}" for count in counts.values()], True) for s in states),
        Column("varies", [", ".join(f.key for f in factors_of(runs)) for runs in groups.values()], rank=1),
        Column("best test", [percent(accuracy) for accuracy in best], True, rank=2),
        Column("age", [age(now - max(entry.changed for entry in runs)) for runs in groups.values()], True, rank=3),
        Column("folder", [str(study.parent) for study in groups], rank=4),
    ]
    return table_lines(columns, width)


def count_states(entries: Sequence[Entry]) -> dict[State, int]:
    """How many runs stand where."""
    counts: dict[State, int] = {}
    for entry in entries:
        counts[entry.record.state] = counts.get(entry.record.state, 0) + 1
    return counts


def counts_text(entries: Sequence[Entry]) -> str:
    """As in `4 runs, 3 done, 1 failed`."""
    counts = count_states(entries)
    each = [f"{counts[state]:,} {state.value}" for state in State if state in counts]
    return ", ".join([f"{len(entries):,} run{'s' if len(entries) != 1 else ''}", *each])


def factors_of(entries: Sequence[Entry]) -> tuple[Factor, ...]:
    """The settings that vary among some runs."""
    # A run whose every value another one has, too, says nothing new, and most of thousands are such.
    seen: set[tuple[str, Any]] = set()
    telling = []
    for config in (entry.record.config for entry in entries if entry.record.config):
        values = {item for item in vars(config).items() if item[0] != REPLICATE}
        if not values <= seen:
            seen |= values
            telling.append(config)
    return find_factors(telling)


def short_name(name: str) -> str:
    """What a run is called in the table: the last 8 digits of its name, which tell it from all others."""
    found = RUN_NAME.fullmatch(name)
    return found[1] if found else name


def percent(accuracy: float | None) -> str:
    """An accuracy 0..1 as a percentage with two decimals; empty where there is none."""
    return "" if accuracy is None or math.isnan(accuracy) else f"{100 * accuracy:.2f}"


def age(seconds: float) -> str:
    """How long ago: `5 s`, `3 min`, `2 h`, `9 d`; empty where it never was."""
    if not math.isfinite(seconds):
        return ""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def _columns(runs: Sequence[Entry], shown: Sequence[Entry], now: float) -> list[Column]:
    rows = [entry.row for entry in shown]
    varying = list(_varying(runs, shown))
    trained = "trained" if any(column.title == "epochs" for column in varying) else "epochs"
    return [
        Column("run", [short_name(entry.name) for entry in shown]),
        *varying,
        Column("state", [entry.record.state.value for entry in shown]),
        Column(trained, [_epochs(row) for row in rows], True, rank=4),
        Column("val acc", [percent(row["val_accuracy"]) for row in rows], True, rank=5),
        Column("test acc", [percent(row["test_accuracy"]) for row in rows], True),
        Column("seconds", [_seconds(row["wall_seconds"]) for row in rows], True, rank=3),
        Column("age", [age(now - entry.changed) for entry in shown], True, rank=2),
        Column("tags", [row["tags"] or "" for row in rows], rank=6),
        Column("remark", [_remark(entry, row) for entry, row in zip(shown, rows, strict=True)], rank=7),
    ]


def _varying(runs: Sequence[Entry], shown: Sequence[Entry]) -> Iterator[Column]:
    """A column for each setting that varies in the study, the seed among them."""
    for factor in factors_of(runs):
        labels: dict[Any, str] = {}
        cells = []
        for entry in shown:
            if entry.record.config is None:
                cells.append("")
                continue
            value = getattr(entry.record.config, factor.key)
            if value not in labels:
                labels[value] = factor.label_of(entry.record.config)
            cells.append(labels[value])
        yield Column(factor.key, cells, all(level.is_number for level in factor.levels))
    seeds = {entry.record.config.seed for entry in runs if entry.record.config}
    if len(seeds) > 1:
        yield Column(REPLICATE, [_seed(entry.record.config) for entry in shown], True)


def _seed(config: RunConfig | None) -> str:
    return "" if config is None else str(config.seed)


def _epochs(row: Mapping[str, Any]) -> str:
    done, planned = row["epochs_done"], row["epochs"]
    return "" if planned is None else f"{done}/{planned}" if done != planned else f"{done}"


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.1f}" if seconds < 100 else f"{seconds:,.0f}"


def _remark(entry: Entry, row: Mapping[str, Any]) -> str:
    problem = entry.record.notes.problem
    return "; ".join(text for text in (row["note"], row["error"], problem) if text)


def _best(runs: Sequence[Entry]) -> float | None:
    known = [a for entry in runs if (a := entry.last.test_accuracy) is not None]
    return max(known, default=None)
