"""The nonlinearity as a setting: one of the words, or the user's own code with its arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import Enum

from lenet_ablate.config.arguments import ARGUMENTS, DIGEST, FACTORY, Arguments
from lenet_ablate.config.checks import OneOf
from lenet_ablate.config.choices import Activation


class Coded(Enum):
    """The word that stands for the user's code where a setting is a word else."""

    own = "own"


@dataclass(frozen=True)
class OwnActivation:
    """A nonlinearity of the user's; all others are an `Activation`."""

    factory: str | None = field(
        default=None, metadata={"check": FACTORY, "help": "own: FILE.py:NAME, the nonlinearity; docs/own.md"}
    )
    args: Arguments | None = field(
        default=None, metadata={"check": ARGUMENTS, "help": "own: arguments by name, as activation.args.NAME=…"}
    )
    sha256: str | None = field(
        default=None,
        metadata={"check": DIGEST, "help": "own: digest of the nonlinearity's code, filled in as model.sha256"},
    )
    name: Coded = field(default=Coded.own, metadata={"check": OneOf(Coded), "help": "nonlinearity"})


Nonlinearity = Activation | OwnActivation
INNER = {each.name: each for each in fields(OwnActivation) if each.name != "name"}
"""The settings of an own one, by name."""


class Nonlinearities:
    """A word, or a mapping of `name: own` and the settings of an own one."""

    @property
    def words(self) -> list[str]:
        """The legal words."""
        return [*_WORDS.words, Coded.own.value]

    @property
    def allowed(self) -> str:
        """The legal values in words."""
        return "one of " + ", ".join(self.words)

    def __call__(self, value: object) -> Nonlinearity:
        """The typed value."""
        if value == Coded.own.value:
            return OwnActivation()
        if isinstance(value, Mapping):
            return self._of(value)
        if isinstance(value, str) and value in _WORDS.words:
            return Activation(value)
        raise ValueError(f"must be {self.allowed}")

    def suggest(self, value: object) -> str | None:
        """The closest word."""
        return _WORDS.suggest(value)

    def _of(self, values: Mapping[object, object]) -> Nonlinearity:
        given = {str(key): value for key, value in values.items() if key != "name" and value is not None}
        name = values.get("name", Coded.own.value)
        if unknown := [key for key in given if key not in INNER]:
            raise ValueError(f"has no setting '{unknown[0][:100]}'; own ones have {', '.join(INNER)}")
        if name != Coded.own.value and given:
            raise ValueError(f"'{next(iter(given))}' is a setting of own, not of {name}")
        if name != Coded.own.value:
            return self(name)
        typed = {}
        for key, value in given.items():
            try:
                typed[key] = INNER[key].metadata["check"](value)
            except ValueError as error:
                raise ValueError(f"{key}={str(value)[:200]} {error}") from None
        return OwnActivation(**typed)


_WORDS = OneOf(Activation)
