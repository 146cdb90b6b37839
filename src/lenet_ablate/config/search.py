"""What `hydra/sweeper=optuna` may be told, as `hydra.sweeper.…`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lenet_ablate.config.checks import Check, OneOf, Optional, Text, Whole
from lenet_ablate.config.choices import Sampler, SearchMetric
from lenet_ablate.errors import ConfigError

PREFIX = "hydra.sweeper."


def _setting(default: Any, check: Check, text: str) -> Any:
    return field(default=default, metadata={"check": check, "help": text})


@dataclass(frozen=True)
class SearchSettings:
    """How a search goes about it."""

    n_trials: int = _setting(20, Whole(1, 10_000), "points that are tried")
    n_jobs: int | None = _setting(
        None, Optional(Whole(1, 1024)), "points chosen together; null: as many as train side by side"
    )
    sampler: Sampler = _setting(Sampler.tpe, OneOf(Sampler), "how points are chosen")
    seed: int = _setting(0, Whole(0, 2**31 - 1), "draws the points")
    metric: SearchMetric = _setting(SearchMetric.val_accuracy, OneOf(SearchMetric), "what is sought the best of")
    storage: str | None = _setting(
        None, Optional(Text(r".{1,4096}", "an address that Optuna knows")), "null: search.db in the study's folder"
    )


def parse_search(values: Mapping[str, object]) -> SearchSettings:
    """The settings as the command line gives them.

    Raises:
        ConfigError: A value is not legal; with a line for each.
    """
    checks: dict[str, Check] = {
        setting.name: setting.metadata["check"] for setting in dataclasses.fields(SearchSettings)
    }
    parsed, problems = {}, []
    for name, value in values.items():
        if name not in checks:
            problems.append(f"{PREFIX}{name}: there is no such setting; settings: {', '.join(checks)}")
            continue
        try:
            parsed[name] = checks[name](value)
        except ValueError as error:
            problems.append(f"{PREFIX}{name}={value}: {error}")
    if problems:
        raise ConfigError("\n".join(problems))
    return SearchSettings(**parsed)
