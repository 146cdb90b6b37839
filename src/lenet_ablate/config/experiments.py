"""Ready-made sweeps: `conf/experiment/<name>.yaml`, read and checked, as words of the command line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from lenet_ablate.config.checks import closest
from lenet_ablate.config.settings import RunConfig, is_open, setting_keys
from lenet_ablate.config.text_words import TEXT_KEYS, is_read_as_number, quote
from lenet_ablate.config.yaml_text import from_yaml
from lenet_ablate.errors import ConfigError

FOLDER = "experiment"
KEYS = ("settings", "sweep", "zip", "exclude", "document", "references")
REFERENCE_KEYS = ("factor", "level", "test_accuracy", "train_loss_running", "test_accuracy_by_epoch", "n", "source")
_PLAIN = re.compile(r"[A-Za-z0-9_./+-]+")


@dataclass(frozen=True)
class Experiment:
    """A ready-made sweep.

    Attributes:
        name: Its file's name, and that of its study.
        settings: Values, as words, that all of its runs share.
        sweeps: Grids: values, as words, of each setting that varies; every combination is a run.
        zips: Groups of varying settings that advance together.
        exclude: Combinations, as words by setting, that are left out.
        document: Values that take the place of others with `protocol=document`.
        references: Published figures: factor, level, and some of REFERENCE_KEYS; accuracies 0..1. Besides, the model
            and data set that they belong to, as the experiment has them.
    """

    name: str
    settings: Mapping[str, str] = field(default_factory=dict)
    sweeps: tuple[Mapping[str, tuple[str, ...]], ...] = ({},)
    zips: tuple[tuple[str, ...], ...] = ()
    exclude: tuple[Mapping[str, str], ...] = ()
    document: Mapping[str, str] = field(default_factory=dict)
    references: tuple[Mapping[str, Any], ...] = ()

    def params(self, with_document: bool) -> list[dict[str, str]]:
        """Of each grid, the settings and axes as `key: values` words; those of the document where asked for."""
        document = self.document if with_document else {}
        grids = ({key: ",".join(values) for key, values in sweep.items()} for sweep in self.sweeps)
        return [{**self.settings, **grid, **document} for grid in grids]


def experiment_names(config_dirs: Iterable[Path]) -> list[str]:
    """The experiments in these folders, sorted."""
    return sorted({path.stem for folder in config_dirs for path in (folder / FOLDER).glob("*.yaml")})


def read_experiment(name: str, config_dirs: Iterable[Path]) -> Experiment:
    """The experiment of that name; of several the first folder's.

    Raises:
        ConfigError: There is none, or its file says something that is not understood.
    """
    folders = list(config_dirs)
    path = next((path for folder in folders if (path := folder / FOLDER / f"{name}.yaml").is_file()), None)
    if path is None:
        known = experiment_names(folders)
        guess = closest(name, known)
        meant = f"; did you mean experiment={guess}?" if guess else ""
        raise ConfigError(f"experiment={name}: must be one of {', '.join(known)}{meant}")
    try:
        written = path.read_bytes()
        content = from_yaml(written) or {}
        content = _text_as_written(content, yaml.load(written, yaml.BaseLoader))  # nosec B506 # gives text alone
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read: {' '.join(str(error).split())}") from None
    return _parse(name, content, path)


def _text_as_written(content: Any, plain: Any) -> Any:
    """The file's content with text settings as they were written: YAML takes `2024_01_05` for a number.

    Args:
        content: What YAML makes of the file.
        plain: The same with every value as text.
    """
    if isinstance(content, Mapping) and isinstance(plain, Mapping):
        return {
            key: _as_text(value, plain[key]) if key in TEXT_KEYS else _text_as_written(value, plain.get(str(key)))
            for key, value in content.items()
        }
    if isinstance(content, list) and isinstance(plain, list):
        return [_text_as_written(*pair) for pair in zip(content, plain, strict=True)]
    return content


def _as_text(value: Any, plain: Any) -> Any:
    if isinstance(value, list):
        return [_as_text(*pair) for pair in zip(value, plain, strict=True)]
    return plain if value is not None and isinstance(plain, str) else value


def word(value: object) -> str:
    """A value of a YAML file as the command line spells it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(word, value)) + "]"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{word(inner)}" for key, inner in value.items()) + "}"
    text = str(value)
    if not isinstance(value, str) or (_PLAIN.fullmatch(text) and not is_read_as_number(text)):
        return text
    return quote(text)


def _parse(name: str, content: object, path: Path) -> Experiment:
    content = _mapping(content, path, "an experiment")
    for key in content:
        if key not in KEYS:
            raise ConfigError(f"{path}: has no '{key}'; an experiment has {', '.join(KEYS)}")
    settings = _words(content.get("settings") or {}, path)
    document = _words(content.get("document") or {}, path)
    sweeps = _sweeps(content.get("sweep"), path)
    swept = {key for sweep in sweeps for key in sweep}
    zips = tuple(tuple(_known(key, path) for key in group) for group in content.get("zip") or ())
    for key in (key for group in zips for key in group if key not in swept):
        raise ConfigError(f"{path}: zip: {key} has no values to advance through in sweep")
    exclude = tuple(_words(entry, path) for entry in content.get("exclude") or ())
    usual = {"model": RunConfig().model.name.value, "data": RunConfig().data.name.value}
    origin = {key: settings.get(key, value) for key, value in usual.items() if key not in swept}
    references = tuple(_reference(entry, path) | origin for entry in content.get("references") or ())
    return Experiment(name, settings, sweeps, zips, exclude, document, references)


def _sweeps(written: object, path: Path) -> tuple[dict[str, tuple[str, ...]], ...]:
    """The grids of a file: one, or each of a list."""
    sweeps = []
    for grid in written if isinstance(written, list) and written else [written or {}]:
        axes = _mapping(grid, path, "sweep, or each entry of its list,")
        for key, values in axes.items():
            if not isinstance(values, list) or not values:
                raise ConfigError(f"{path}: sweep.{key}: must be a list of values")
        sweeps.append({_known(key, path): tuple(map(word, values)) for key, values in axes.items()})
    return tuple(sweeps)


def _words(mapping: object, path: Path) -> dict[str, str]:
    return {_known(key, path): word(value) for key, value in _mapping(mapping, path, "settings").items()}


def _known(key: object, path: Path) -> str:
    if str(key) not in setting_keys() and not is_open(str(key)):
        guess = closest(str(key), setting_keys())
        meant = f"; did you mean '{guess}'?" if guess else ""
        raise ConfigError(f"{path}: there is no setting '{key}'{meant}")
    return str(key)


def _reference(entry: object, path: Path) -> dict[str, Any]:
    reference = dict(_mapping(entry, path, "a reference"))
    wrong = [key for key in reference if key not in REFERENCE_KEYS]
    if wrong or "factor" not in reference or "level" not in reference:
        raise ConfigError(f"{path}: a reference has factor, level and some of {', '.join(REFERENCE_KEYS[2:])}")
    return reference | {"level": word(reference["level"])}


def _mapping(value: object, path: Path, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{path}: {what} must be a mapping")
    return value
