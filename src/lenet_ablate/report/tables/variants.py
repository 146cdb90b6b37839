"""The table of all variants, and how accuracy grows with the epochs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from lenet_ablate.report.study.comparison import Comparison
from lenet_ablate.report.study.published import ALL_RUNS
from lenet_ablate.report.study.study import Study
from lenet_ablate.report.tables.captions import factor_caption, schedule_notes, study_notes, variants_caption
from lenet_ablate.report.tables.factor import reference_rows
from lenet_ablate.report.tables.table import Column, Table
from lenet_ablate.report.text.rounding import NOTHING, loss_text, percent_texts

EPOCHS_SHOWN = (1, 2, 3, 5, 10, 15, 20, 25, 30)
MAX_ROWS = 1000  # of a table that is read; its CSV file has all
EVERY_EPOCH = 10  # so few epochs are all shown


def variants_table(study: Study, frame: pd.DataFrame, references: pd.DataFrame | None = None) -> Table:
    """The table of all variants from `frames.variant_table`, with what was published of the study as a whole.

    Of many it shows those with the highest test accuracy, in their order.
    """
    notes = schedule_notes(study.factors)
    if len(frame) > MAX_ROWS:
        told = f"{MAX_ROWS:,} of {len(frame):,} variants, those with the highest test accuracy; variants.csv has all."
        best = frame["test_accuracy_mean"].astype(float).nlargest(MAX_ROWS, keep="all").index[:MAX_ROWS]
        frame, notes = frame.loc[sorted(best)], [told, *notes]
    counts = zip(frame["runs_used"], frame["runs_planned"], strict=True)
    loss, accuracy = "train_loss_running", "test_accuracy"
    columns = {
        **{Column(factor.key, is_number=False): list(frame[factor.key]) for factor in study.factors},
        Column("variant", is_number=False, rank=1): list(frame["variant_id"]),
        Column("runs"): [str(used) if used == planned else f"{used}/{planned}" for used, planned in counts],
        Column("training loss"): list(map(loss_text, frame[f"{loss}_mean"], frame[f"{loss}_sd"])),
        Column("test accuracy, %"): percent_texts(frame[f"{accuracy}_mean"].tolist(), frame[f"{accuracy}_sd"].tolist()),
    }
    return Table(
        "variants",
        "Variants",
        variants_caption(study, frame["seeds"].tolist()),
        tuple(columns),
        tuple(zip(*columns.values(), strict=True)),
        references=reference_rows(references, ALL_RUNS, tuple(columns)),
        notes=tuple(notes),
        study_notes=tuple(study_notes(study)),
    )


def epochs_table(
    study: Study, comparison: Comparison, frame: pd.DataFrame, references: pd.DataFrame | None = None
) -> Table:
    """Test accuracy of a factor's levels after some of the epochs, the last one among them.

    Args:
        study: The study.
        comparison: The runs that are compared.
        frame: See `frames.epoch_table`; not empty.
        references: Published figures; those given by epoch stand in columns of their own.
    """
    last = int(frame["epoch"].max())
    before = EPOCHS_SHOWN if last > EVERY_EPOCH else range(1, last)
    shown = [epoch for epoch in before if epoch < last] + [last]
    columns = {Column("epoch"): [str(epoch) for epoch in shown]}
    for label in comparison.factor.labels:
        level = frame[frame["level"] == label].set_index("epoch").reindex(shown)
        texts = percent_texts(level["test_accuracy_mean"].tolist(), level["test_accuracy_sd"].tolist())
        columns[Column(label)] = texts if level["test_accuracy_mean"].notna().any() else [NOTHING] * len(shown)
    columns |= _published_columns(references, comparison.factor.key, shown)
    return Table(
        f"{comparison.factor.key}_epochs",
        f"Test accuracy by epoch and {comparison.factor.title}, %",
        factor_caption(study, comparison, loss=False),
        tuple(columns),
        tuple(zip(*columns.values(), strict=True)),
        notes=tuple(schedule_notes([comparison.factor])),
        study_notes=tuple(study_notes(study)),
    )


def _published_columns(references: pd.DataFrame | None, key: str, epochs: Sequence[int]) -> dict[Column, list[str]]:
    if references is None:
        return {}
    has_epochs = np.array([len(accuracies) > 0 for accuracies in references["test_accuracy_by_epoch"]], dtype=bool)
    own = references[(references["factor"] == key) & has_epochs]
    return {
        Column(f"{level}, published", rank=1): [
            f"{100 * accuracies[epoch - 1]:.1f}" if epoch <= len(accuracies) else NOTHING for epoch in epochs
        ]
        for level, accuracies in zip(own["level"], own["test_accuracy_by_epoch"], strict=True)
    }
