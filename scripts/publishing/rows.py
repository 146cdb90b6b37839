"""A study's runs as the rows of a table, each with what was published of its settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pack import DOCUMENT, Packed
from published import reference

from lenet_ablate.config.experiments import read_experiment
from lenet_ablate.report.analysis.results import Code

CONF = Path(__file__).resolve().parents[2] / "conf/experiment"
MOST_ROWS = 24  # of a table with a row per combination; a larger grid has a row per level
ALSO = {"plain_sgd": {"model.output_activation": "relu"}}
"""What a document's run had besides the level that its figure is given for."""


@dataclass(frozen=True)
class Row:
    """A row of a table of settings.

    Attributes:
        label: The settings that it stands for.
        published: What was published of them.
        runs: Its runs.
        is_mixed: Whether these differ in more than the seed.
    """

    label: str
    published: dict[str, Any] | None
    runs: list[dict[str, Any]]
    is_mixed: bool

    @property
    def done(self) -> list[dict[str, Any]]:
        """Those that ended well."""
        return [run for run in self.runs if run["status"] == "done"]


def accuracies(entry: dict[str, Any], runs: Sequence[dict[str, Any]]) -> list[float]:
    """Of the last epochs, or of the best ones by test if the document chose by it."""
    return [run["best_test_accuracy"] if entry["level"] == "all" else run["final"]["test_accuracy"] for run in runs]


def varied(study: Packed) -> list[str]:
    """The settings that differ between its runs, but the seed, in the order of the settings."""
    runs = [run["settings"] for run in study.results.values()]
    keys = [key for key in runs[0] if key != "seed" and len({run.get(key) for run in runs}) > 1]
    return [key for key in keys if key.partition(".")[0] not in keys or "." not in key]


def order_of(study: Packed, key: str) -> list[str]:
    """The levels of a setting, first as the experiment's file has them, then by number or name."""
    name = study.name.removesuffix(DOCUMENT)
    sweeps = read_experiment(name, [CONF.parent]).sweeps if (CONF / f"{name}.yaml").is_file() else ()
    told = list(dict.fromkeys(level for grid in sweeps for level in grid.get(key, ())))
    found = {run["settings"][key] for run in study.results.values()}
    others = sorted(found - set(told), key=lambda level: (not level.isnumeric(), level.zfill(9), level))
    return [*told, *others]


def rows_of(study: Packed) -> list[Row]:
    """A row per combination of what varies, or per level of each where these are many."""
    runs, keys = list(study.results.values()), varied(study)
    ranks = {key: order_of(study, key) for key in keys}
    runs.sort(key=lambda run: [ranks[key].index(run["settings"][key]) for key in keys])
    points = {tuple((key, run["settings"][key]) for key in keys): None for run in runs}
    is_mixed = len(points) > MOST_ROWS
    same = copies(study) if is_mixed else {}
    if is_mixed:
        points = {((key, run["settings"][key]),): None for key in keys for run in runs}
    return [
        Row(
            " ".join(f"{key}={level}" for key, level in point) or "all",
            published_of(study, dict(point)),
            [
                run
                for run in runs
                if all(run["settings"][key] == level for key, level in point)
                and not any(run["settings"][key] in levels for key, levels in same.items() if key not in dict(point))
            ],
            is_mixed,
        )
        for point in points
    ]


def copies(study: Packed) -> dict[str, set[str]]:
    """By setting, the levels that trained as one before them did, so that its other settings count them once."""
    found: dict[str, set[str]] = {}
    for pair in study.pairs.itertuples():
        if Code(pair.verdict_code) is Code.identical:
            found.setdefault(pair.factor, set()).add(pair.level_b)
    return found


def published_of(study: Packed, point: dict[str, str]) -> dict[str, Any] | None:
    """What was published of a combination of settings."""
    if any(point.get(key) != level for key, level in ALSO.get(study.name.removesuffix(DOCUMENT), {}).items()):
        return None
    found = (reference(study, key, level) for key, level in (point or {"variant": "all"}).items())
    return next(filter(None, found), None)
