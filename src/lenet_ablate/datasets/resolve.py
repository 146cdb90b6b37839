"""Settings whose data and code were looked at: a run on one's own is named by the content, not by where it lies."""

from __future__ import annotations

import dataclasses

from lenet_ablate.config.choices import DataSet
from lenet_ablate.config.own_code import with_source
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.rendering.console import warn

_told: set[str | None] = set()


def resolved(config: RunConfig) -> RunConfig:
    """The settings with what reading `data.path` and own code finds out; those of other runs as they are.

    How a data set was read is said once on standard error.

    Raises:
        ConfigError: Own code cannot be read, or does not take what it is given.
        DataError: The data cannot be read or understood.
    """
    config = with_source(config)
    if config.data.name is not DataSet.file:
        return config
    from lenet_ablate.datasets.own.read import read_own

    own = read_own(config.data)
    if own.config.sha256 not in _told:
        _told.add(own.config.sha256)
        for line in own.lines:
            warn(line)
    return dataclasses.replace(config, data=own.config)
