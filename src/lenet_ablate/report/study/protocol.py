"""What every figure of a study is marked with, because of how its runs were trained or stopped: short sentences."""

from __future__ import annotations

import pandas as pd

from lenet_ablate.config.choices import DataSet, EarlyStop, StopSplit
from lenet_ablate.records.record import State
from lenet_ablate.report.study.study import Study


def protocol_notes(study: Study) -> tuple[str, ...]:
    """A sentence for each thing that makes the figures of finished runs better than they are, or unlike others'.

    They stand at the head of the page, in each table's caption, and behind each verdict.
    """
    done = study.design[study.design["status"] == State.done.value]
    if done.empty:
        return ()
    stamps = _stopped_by_test(study, done), _without_validation(study, done), _drawn_test(study, done)
    return tuple(stamp for stamp in stamps if stamp)


def _stopped_by_test(study: Study, done: pd.DataFrame) -> str:
    stops = {variant: config.early_stop for variant, config in study.configs.items()}
    by_test = [
        variant for variant, stop in stops.items() if stop.name is not EarlyStop.off and stop.split is StopSplit.test
    ]
    found = done["variant_id"].isin(by_test)
    if found.all():
        return "Stopped by test accuracy: these figures are optimistic."
    return f"Stopped by test accuracy, and so optimistic: {_some(found)}." if found.any() else ""


def _without_validation(study: Study, done: pd.DataFrame) -> str:
    found = done["val_accuracy"].isna()
    trained = {study.results[run].num_train if run in study.results else None for run in done.loc[found, "run"]}
    is_all = all(config.data.train_size is None for config in study.configs.values())
    if not found.any():
        return ""
    (count,) = trained if len(trained) == 1 and is_all else (None,)
    told = "No validation images (document protocol)" + (f": trained on all {count:,}" if count else "")
    return f"{told}." if found.all() else f"{told}; {_some(found)}."


def _drawn_test(study: Study, done: pd.DataFrame) -> str:
    drawn = {
        variant: f"{1 - data.train_fraction:.0%} of each class, drawn with data.seed={data.seed or 0}"
        for variant, data in ((variant, config.data) for variant, config in study.configs.items())
        if data.name is DataSet.file and data.train_fraction is not None
    }
    found = done["variant_id"].isin(list(drawn))
    if not found.any():
        return ""
    how = sorted(set(drawn.values()))
    told = f"The data name no test images: these are {' or '.join(how)}"
    return f"{told}." if found.all() else f"{told}; {_some(found)}."


def _some(found: pd.Series[bool]) -> str:
    return f"{int(found.sum())} of {len(found)} runs"
