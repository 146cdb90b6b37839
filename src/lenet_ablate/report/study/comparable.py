"""Which runs of a study can be compared: those on one test set, in settings that a sweep set side by side.

Accuracies on different test sets answer different questions, whatever the sweep. Models, epochs and what else is
done with the data are compared where a sweep varied them; where one sweep held them at these values and another one
at those, as after a first try with one epoch, a difference says nothing that somebody asked.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lenet_ablate.config.experiments import word
from lenet_ablate.config.plan import identity
from lenet_ablate.config.settings import FOUND_OUT, DataConfig, ModelConfig, RunConfig
from lenet_ablate.records.plans import SweepPlan
from lenet_ablate.records.read import RunRecord
from lenet_ablate.records.rows import settings_row
from lenet_ablate.report.study.factors import find_factors

FRAME = ("data", "model", "epochs")
MAX_NAME = 80
DIGITS = 8  # of a digest that is told

Frame = tuple[DataConfig, ModelConfig, int]


@dataclass(frozen=True)
class Part:
    """Runs of a study that can be compared with each other, and with no others of it.

    Attributes:
        title: What tells it from the study's other parts, as one would type it: `data=digits, epochs=1,30`.
        folder: The same as a folder's name, unique in the study.
        records: Its runs.
        sweeps: The study's plans with these runs alone; those without any are left out.
    """

    title: str
    folder: str
    records: tuple[RunRecord, ...]
    sweeps: tuple[SweepPlan, ...]


def split(records: Sequence[RunRecord], sweeps: Sequence[SweepPlan]) -> list[Part]:
    """The parts of a study in the order of their settings; none where all runs can be compared.

    Runs that no plan tells of were varied on purpose where they are crossed: each value was tried with the same
    other settings. A run whose settings cannot be read is in no part.

    Args:
        records: The study's runs, each once.
        sweeps: Its plans; see `records.plans.read_plans`.
    """
    configs = {record.folder: record.config for record in records if record.config}
    groups = _components(dict.fromkeys(map(_frame, configs.values())), _links(list(configs.values()), sweeps))
    if len(groups) < 2:
        return []
    places = _places(list(configs.values()))
    groups.sort(key=lambda group: min(places[frame] for frame in group))
    titles = _titles([[config for config in configs.values() if _frame(config) in group] for group in groups])
    parts = []
    for group, title, folder in zip(groups, titles, _folders(titles), strict=True):
        own = tuple(record for record in records if record.config and _frame(record.config) in group)
        parts.append(Part(title, folder, own, tuple(_restricted(sweeps, own))))
    return parts


def reasons(parts: Sequence[Sequence[RunConfig]]) -> list[str]:
    """Why these parts of a study are not compared with each other, in sentences.

    Args:
        parts: Configurations of each part's runs.
    """
    values: dict[Hashable, list[dict[str, list[str]]]] = {}
    for configs in parts:
        values.setdefault(_test_set(configs[0].data), []).append(_values(configs))
    told = []
    if len(values) > 1:
        told.append(
            "Figures on different test sets answer different questions: they are neither compared nor averaged."
        )
    tried: dict[str, dict[str, None]] = {}
    for own in values.values():
        for key in _differing(own[0], own):
            tried.setdefault(key, {}).update((value, None) for part in own for value in part[key])
    if code := tried.pop("model.sha256", None):
        told.append(
            f"Runs of different code, SHA-256 {' and '.join(code)}, are not compared; to compare two versions, keep "
            "both files and sweep over them: model.factory=OLD.py:NAME,NEW.py:NAME."
        )
        tried.pop("model.factory", None)
    names = [key for key in tried if "." not in key or key.partition(".")[0] not in tried]
    if names:
        told.append(
            f"Runs that differ in {' or '.join(names)} come from sweeps that did not vary it, and are not compared. "
            f"A command that names all its values, {names[0]}={','.join(tried[names[0]])}, compares them; it trains "
            "only what is missing."
        )
    return told


def _frame(config: RunConfig) -> Frame:
    return config.data, config.model, config.epochs


def _test_set(data: DataConfig) -> Hashable:
    """What makes the test set; noise, share and seed are the playground's, which draws its points by them."""
    if data.sha256 is not None:
        return data.sha256
    return data.name, data.path, data.noise, data.train_fraction, data.seed


def _links(configs: Sequence[RunConfig], sweeps: Sequence[SweepPlan]) -> Iterator[list[Frame]]:
    """Frames that belong together, some of them in several groups."""
    frames = {identity(config): _frame(config) for config in configs}
    planned: set[Frame] = set()
    for sweep in sweeps:
        if sweep.factors is None:
            continue
        own = dict.fromkeys(frames[run.identity] for run in sweep.runs if run.identity in frames)
        planned.update(own)
        varied = {key.removesuffix(".name") for key in sweep.factors}
        yield from _alike({frame: _held(frame, varied) for frame in own})
    others: dict[Frame, set[RunConfig]] = {}
    for config in configs:
        if (frame := _frame(config)) not in planned:
            others.setdefault(frame, set()).add(_without_frame(config))
    yield from _alike({frame: (_test_set(frame[0]), frozenset(rest)) for frame, rest in others.items()})


def _held(frame: Frame, varied: set[str]) -> Hashable:
    """What a sweep that varied these settings held fixed of a frame, and the test set in any case."""
    held: list[Hashable] = [_test_set(frame[0])]
    for key, value in zip(FRAME, frame, strict=True):
        if key in varied:
            continue
        if isinstance(value, (DataConfig, ModelConfig)):
            held += [
                _field(value, f.name, varied) for f in dataclasses.fields(value) if f"{key}.{f.name}" not in varied
            ]
        else:
            held.append(value)
    return tuple(held)


def _field(value: DataConfig | ModelConfig, name: str, varied: set[str]) -> Hashable:
    if name == "args" and isinstance(value, ModelConfig) and value.args:
        return frozenset((key, word(inner)) for key, inner in value.args.items() if f"model.args.{key}" not in varied)
    is_told_by_factory = name == "sha256" and isinstance(value, ModelConfig) and "model.factory" in varied
    return None if is_told_by_factory else getattr(value, name)


def _without_frame(config: RunConfig) -> RunConfig:
    usual = RunConfig()
    return dataclasses.replace(config, data=usual.data, model=usual.model, epochs=usual.epochs, seed=usual.seed)


def _alike(keys: Mapping[Frame, Hashable]) -> list[list[Frame]]:
    groups: dict[Hashable, list[Frame]] = {}
    for frame, key in keys.items():
        groups.setdefault(key, []).append(frame)
    return list(groups.values())


def _components(frames: Iterable[Frame], links: Iterable[Sequence[Frame]]) -> list[set[Frame]]:
    """The frames in groups: those that are linked, directly or through others, are in one."""
    group_of = {frame: {frame} for frame in frames}
    for link in links:
        merged = set[Frame]().union(*(group_of[frame] for frame in link))
        group_of |= dict.fromkeys(merged, merged)
    return list({id(group): group for group in group_of.values()}.values())


def _places(configs: Sequence[RunConfig]) -> dict[Frame, tuple[int, ...]]:
    """Where each frame stands in the order of the settings' levels."""
    factors = [factor for factor in find_factors(configs) if factor.key.partition(".")[0] in FRAME]
    factors.sort(key=lambda factor: FRAME.index(factor.key.partition(".")[0]))
    return {
        _frame(config): tuple(factor.labels.index(factor.label_of(config)) for factor in factors) for config in configs
    }


def _titles(parts: Sequence[Sequence[RunConfig]]) -> list[str]:
    """What tells each part from the others: names and epochs first, further settings where these do not suffice."""
    values = [_values(configs) for configs in parts]
    titles = [_title(own, _differing(FRAME, values)) for own in values]
    for title, count in Counter(titles).items():
        alike = [number for number, other in enumerate(titles) if other == title]
        keys = [key for key in _differing(values[alike[0]], [values[number] for number in alike]) if key not in FRAME]
        if len({tuple(values[number]["data.path"]) for number in alike}) == len(alike):
            keys = [key for key in keys if key.removeprefix("data.") not in FOUND_OUT]
        for place, number in enumerate(alike if count > 1 else [], 1):
            more = _title(values[number], keys) or f"part {place}"
            titles[number] = ", ".join(part for part in (title, more) if part)
    counts = Counter(titles)
    return [f"{title}, part {number}" if counts[title] > 1 else title for number, title in enumerate(titles, 1)]


def _values(configs: Sequence[RunConfig]) -> dict[str, list[str]]:
    """The values that a part's runs have of each setting in FRAME, as one types them."""
    found: dict[str, dict[object, None]] = {}
    for row in map(settings_row, configs):
        for key, value in row.items():
            if key == "model.sha256" and value is not None:
                value = str(value)[:DIGITS]
            if key.partition(".")[0] in FRAME:
                found.setdefault(key, {})[_hashable(value)] = None
    return {key: [word(value) for value in sorted(own, key=_natural)] for key, own in found.items()}


def _hashable(value: object) -> object:
    if isinstance(value, list):
        return tuple(map(_hashable, value))
    return word(value) if isinstance(value, dict) else value


def _natural(value: object) -> tuple[bool, float, str]:
    is_number = isinstance(value, (int, float))
    return not is_number, float(value) if isinstance(value, (int, float)) else 0.0, str(value)


def _differing(keys: Iterable[str], values: Sequence[Mapping[str, list[str]]]) -> list[str]:
    return [key for key in keys if any(own[key] != values[0][key] for own in values)]


def _title(values: Mapping[str, list[str]], keys: Iterable[str]) -> str:
    return ", ".join(f"{key}={','.join(values[key])}" for key in keys)


def _folders(titles: Sequence[str]) -> list[str]:
    folders = [re.sub(r"[^A-Za-z0-9._]+", "-", title.replace(", ", "_")).strip("-")[:MAX_NAME] for title in titles]
    folded = Counter(folder.lower() for folder in folders)
    return [folder if folded[folder.lower()] == 1 else f"{folder}_{number}" for number, folder in enumerate(folders, 1)]


def _restricted(sweeps: Sequence[SweepPlan], records: Sequence[RunRecord]) -> Iterator[SweepPlan]:
    own = {identity(record.config) for record in records if record.config}
    for sweep in sweeps:
        runs = tuple(run for run in sweep.runs if run.identity in own)
        if runs:
            yield dataclasses.replace(sweep, runs=runs)
