"""Which runs a report is about: conditions on the settings, spelled as the tables spell them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lenet_ablate.config.checks import closest
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.errors import ConfigError
from lenet_ablate.records.read import RunRecord
from lenet_ablate.report.study.criteria import Condition
from lenet_ablate.report.study.factors import REPLICATE, find_factors, fixed_settings

MAX_TOLD = 12


def select(studies: Sequence[Sequence[RunRecord]], where: Sequence[Condition]) -> list[list[RunRecord]]:
    """The runs of each study that meet all conditions; with any condition, only those whose settings are known.

    Raises:
        ConfigError: No run of any study has the setting or one of its values, or no run meets them all.
    """
    if not where:
        return [list(records) for records in studies]
    texts = [_setting_texts(records) for records in studies]
    for condition in where:
        _check(condition, [settings for study in texts for settings in study if settings])
    kept = [
        [record for record, settings in zip(records, study, strict=True) if settings and _meets(settings, where)]
        for records, study in zip(studies, texts, strict=True)
    ]
    if not any(kept):
        raise ConfigError(
            f"--where {' --where '.join(condition.text for condition in where)}: no run meets all of this"
        )
    return kept


def _setting_texts(records: Sequence[RunRecord]) -> list[Mapping[str, str] | None]:
    """The text of every setting of each run; None where its settings cannot be read."""
    configs = [record.config for record in records if record.config]
    factors = find_factors(configs)
    known: dict[RunConfig, Mapping[str, str]] = {}
    for config in configs:
        varied = {factor.key: factor.label_of(config) for factor in factors}
        known[config] = fixed_settings(config, factors) | varied | {REPLICATE: str(config.seed)}
    return [known[record.config] if record.config else None for record in records]


def _meets(settings: Mapping[str, str], where: Sequence[Condition]) -> bool:
    return all(settings.get(condition.key) in condition.values for condition in where)


def _check(condition: Condition, runs: Sequence[Mapping[str, str]]) -> None:
    keys = list(dict.fromkeys(key for settings in runs for key in settings))
    if condition.key not in keys:
        guess = closest(condition.key, keys)
        meant = f"; did you mean {guess}?" if guess else ""
        raise ConfigError(f"--where {condition.text}: no setting is called {condition.key}: {', '.join(keys)}{meant}")
    values = list(dict.fromkeys(settings[condition.key] for settings in runs if condition.key in settings))
    for value in condition.values:
        if value not in values:
            told = ", ".join(values[:MAX_TOLD]) + (" …" if len(values) > MAX_TOLD else "")
            raise ConfigError(f"--where {condition.text}: no run has {condition.key}={value}; there is {told}")
