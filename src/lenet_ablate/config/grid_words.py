"""The words that say which points a sweep has rather than what a run is: experiments, design, zips, exclusions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lenet_ablate.config.checks import OneOf, closest
from lenet_ablate.config.choices import Design, Protocol
from lenet_ablate.config.experiments import word
from lenet_ablate.config.settings import is_open, setting_keys
from lenet_ablate.config.text_words import is_read_as_number, key_of, quote, quote_word, unquote_word
from lenet_ablate.errors import ConfigError

GRID_WORDS = ("experiment", "protocol", "design", "zip", "exclude")
SWEEPER_KEY = "hydra.sweeper.words"


@dataclass(frozen=True)
class GridWords:
    """What the grid words of a command say.

    Attributes:
        experiments: Names of ready-made sweeps.
        protocol: Ours, or the experiments' documents' own.
        design: All combinations, or one setting at a time.
        zips: Groups of settings that advance together.
        exclude: Combinations that are left out, values as words.
    """

    experiments: tuple[str, ...] = ()
    protocol: Protocol = Protocol.standard
    design: Design = Design.full
    zips: tuple[tuple[str, ...], ...] = ()
    exclude: tuple[Mapping[str, str], ...] = ()


def to_hydra(words: Sequence[str]) -> list[str]:
    """The words as Hydra understands them: grid words as overrides of its sweeper, text in quotes where need be."""
    turned = []
    for text in words:
        key, equals, value = text.partition("=")
        is_grid_word = key in GRID_WORDS and equals
        if equals and is_added(key.lstrip("+")):
            turned.append(f"++{quote_word(text.lstrip('+'))}")
            continue
        if key == "experiment" and not value.startswith("["):
            names = (quote(name) if is_read_as_number(name) else name for name in value.split(","))
            value = f"[{','.join(names)}]"
        turned.append(f"++{SWEEPER_KEY}.{key}={value}" if is_grid_word else quote_word(text))
    return turned


def as_typed(words: Sequence[str]) -> list[str]:
    """The words as they were before `to_hydra`."""
    return [unquote_word(_without_plus(text.removeprefix(f"++{SWEEPER_KEY}."))) for text in words]


def _without_plus(text: str) -> str:
    return text.lstrip("+") if is_added(key_of(text)) else text


def is_added(key: str) -> bool:
    """Whether Hydra must be told to add a key: to a mapping of the user's own, or beside the word of `activation`."""
    return is_open(key) or key.startswith("activation.")


def parse_grid_words(raw: Mapping[str, Any]) -> GridWords:
    """The typed meaning of raw values.

    Raises:
        ConfigError: A value is not legal.
    """
    experiments = tuple(dict.fromkeys(map(str, _list("experiment", raw.get("experiment", [])))))
    zips = raw.get("zip", [])
    nested = zips if zips and isinstance(_list("zip", zips)[0], (list, tuple)) else [zips] if zips else []
    excluded = raw.get("exclude", [])
    words = GridWords(
        experiments,
        _one_of("protocol", raw.get("protocol", "standard"), OneOf(Protocol)),
        _one_of("design", raw.get("design", "full"), OneOf(Design)),
        tuple(tuple(_known("zip", str(key)) for key in group) for group in nested),
        tuple(_exclusion(entry) for entry in (excluded if isinstance(excluded, (list, tuple)) else [excluded])),
    )
    if words.protocol is Protocol.document and not experiments:
        raise ConfigError("protocol=document: needs an experiment=…, whose document it follows")
    return words


def _one_of(key: str, value: object, check: OneOf) -> Any:
    try:
        return check(value)
    except ValueError as error:
        guess = check.suggest(value)
        raise ConfigError(f"{key}={value}: {error}" + (f"; did you mean {key}={guess}?" if guess else "")) from None


def _list(key: str, value: object) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        told = f"{key}={value}" if isinstance(value, (str, int, float)) else key
        raise ConfigError(f"{told}: must be a list, such as zip=[lr,batch_size] or experiment=pooling")
    return list(value)


def _exclusion(entry: object) -> dict[str, str]:
    if not isinstance(entry, Mapping) or not entry:
        raise ConfigError(f"exclude={entry}: must be like exclude={{lr:0.01,pool:avg}}, or a list of such")
    return {_known("exclude", str(key)): word(value) for key, value in entry.items()}


def _known(key: str, setting: str) -> str:
    if setting not in setting_keys() and not is_open(setting):
        guess = closest(setting, setting_keys())
        raise ConfigError(f"{key}: there is no setting '{setting}'" + (f"; did you mean '{guess}'?" if guess else ""))
    return setting
