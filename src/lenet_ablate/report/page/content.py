"""What a study's page shows, as data for its template; all texts plain."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lenet_ablate.report.figures.image import Image
from lenet_ablate.report.page.answer import Answer
from lenet_ablate.report.page.effects import Effect
from lenet_ablate.report.tables.table import Table


def without_key(key: str, sentence: str) -> str:
    """A sentence about a factor's levels that calls them `max` instead of `pool=max`, for behind the key."""
    return re.sub(rf"(?<![\w.]){re.escape(key)}=", "", sentence)


@dataclass(frozen=True)
class FactorSection:
    """What the page says of a factor.

    Attributes:
        effect: What is known of it.
        advice: What to do to know more; may be empty.
        table: Its table.
        simple_effects: Its effect at each level of another factor; None where there is none.
        epochs: Accuracy by epoch; None where there is none.
        images: Its figures in the order in which they are shown.
    """

    effect: Effect
    advice: str
    table: Table
    simple_effects: Table | None
    epochs: Table | None
    images: tuple[Image, ...] = ()


@dataclass(frozen=True)
class RunRow:
    """A run in the table of all runs, as texts."""

    levels: tuple[str, ...]
    seed: str
    status: str
    is_bad: bool
    loss: str
    val_accuracy: str
    test_accuracy: str
    best_epoch: str
    seconds: str
    error: str


@dataclass(frozen=True)
class Page:
    """A study's page.

    Attributes:
        study: The study's name.
        lead: What was trained, in a line.
        newest: The day of the newest sweep; may be empty.
        answer: What stands on the first screen.
        warnings: What weakens the conclusions.
        factors: A section per factor, in the answer's order.
        variants: The table of all variants.
        images: The figures by place; see `places`.
        left_out: Why some figures are missing, a sentence each.
        anova: The analysis of variance; None where there is none.
        references: Published figures; None where they are on other data.
        methods: What was done, as pairs of question and answer.
        factor_keys: Heads of the columns of `runs` that hold levels.
        runs: Every run.
        provenance: Where the results come from, as pairs of what and values.
        commands: The sweeps' commands.
        reproduce: A command per variant, with the variant's name.
        downloads: CSV files to embed, by name.
        protocol_notes: What every figure is marked with, a sentence each.
        compared: By what levels are compared, in words.
        margin: The smallest difference that matters, in percentage points.
        front: Where the page of all parts is, for a part of a study; else empty.
    """

    study: str
    lead: str
    newest: str
    answer: Answer
    warnings: tuple[str, ...]
    factors: tuple[FactorSection, ...]
    variants: Table
    images: Mapping[str, tuple[Image, ...]]
    left_out: tuple[str, ...]
    anova: Table | None
    references: Table | None
    methods: tuple[tuple[str, str], ...]
    factor_keys: tuple[str, ...]
    runs: tuple[RunRow, ...]
    provenance: tuple[tuple[str, tuple[str, ...]], ...]
    commands: tuple[str, ...]
    reproduce: tuple[tuple[str, str], ...]
    downloads: Mapping[str, bytes]
    protocol_notes: tuple[str, ...] = ()
    front: str = ""
    compared: str = "test accuracy"
    margin: str = ""
