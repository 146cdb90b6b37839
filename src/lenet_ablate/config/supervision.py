"""How a launcher looks after its runs: none of it changes a result."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from lenet_ablate.config.checks import Check, OneOf, Optional, Real, Text, Whole, YesNo
from lenet_ablate.config.choices import OnError
from lenet_ablate.errors import ConfigError

PREFIX = "hydra.launcher."
Settings = TypeVar("Settings")


def launcher_setting(default: Any, check: Check, text: str) -> Any:
    """A field of a launcher's settings: its default, what is legal, and what it means."""
    return field(default=default, metadata={"check": check, "help": text})


@dataclass(frozen=True)
class Place(Text):
    """One of several copies: its number, from 0 or 1 on as schedulers count, and how many there are."""

    def __call__(self, value: object) -> str:
        """The value as it is."""
        place, _, count = (text := super().__call__(value)).partition("/")
        if int(place) > int(count):
            raise ValueError(f"must be {self.allowed}; of {count} the last one is {int(count) - 1}/{count}")
        return text


@dataclass(frozen=True)
class Supervision:
    """What the local launcher's settings say, as `hydra.launcher.…`."""

    workers: int | None = launcher_setting(
        None, Optional(Whole(1, 1024)), "runs side by side; null: one per physical core, on a GPU as many as fit"
    )
    isolate: bool = launcher_setting(
        False, YesNo(), "whether runs train in processes of their own: one that crashes costs its run alone"
    )
    run_timeout: float | None = launcher_setting(
        None, Optional(Real(0, 1e8, with_low=True)), "seconds after which a run is ended and counts as failed; 0: never"
    )
    retries: int = launcher_setting(
        0, Whole(0, 1000), "how often a failed run is tried again in the same sweep; bad input never"
    )
    on_error: OnError = launcher_setting(
        OnError.go_on, OneOf(OnError), "what the sweep does when a run has failed; stop: the others save themselves"
    )
    share: str | None = launcher_setting(
        None,
        Optional(Place(r"[0-9]{1,6}/[1-9][0-9]{0,5}", "like 0/4: the first of four copies")),
        "which of several copies of this command it is, as 0/4; each begins with other runs, then helps the others",
    )


def parse_supervision(values: Mapping[str, object]) -> Supervision:
    """The settings as the command line gives them.

    Raises:
        ConfigError: A value is not legal; with a line for each.
    """
    parsed = parse_launcher(Supervision, values)
    return dataclasses.replace(parsed, run_timeout=parsed.run_timeout or None)


def parse_launcher(kind: type[Settings], values: Mapping[str, object]) -> Settings:
    """A launcher's settings as the command line gives them, as the dataclass of their checks.

    Raises:
        ConfigError: A value is not legal; with a line for each.
    """
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    parsed, problems = {}, []
    for name, value in values.items():
        check: Check = fields[name].metadata["check"]
        try:
            parsed[name] = check(value)
        except ValueError as error:
            meant = check.suggest(value)
            hint = "" if meant is None else f"; did you mean {PREFIX}{name}={meant}?"
            problems.append(f"{PREFIX}{name}={_shown(value)}: {error}{hint}")
    if problems:
        raise ConfigError("\n".join(problems))
    return kind(**parsed)


def _shown(value: object) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
