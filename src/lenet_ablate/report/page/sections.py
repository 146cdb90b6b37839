"""What goes onto a study's page: the findings, tables and figures in their places."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import pandas as pd

from lenet_ablate.records.record import State
from lenet_ablate.report.analysis.best import is_chosen_by_validation
from lenet_ablate.report.analysis.results import StudyAnalysis
from lenet_ablate.report.figures.image import Image
from lenet_ablate.report.figures.notes import outcome_words, protocol
from lenet_ablate.report.page.answer import answer_of
from lenet_ablate.report.page.commands import variant_command
from lenet_ablate.report.page.content import FactorSection, Page, RunRow
from lenet_ablate.report.page.effects import Effect
from lenet_ablate.report.page.methods import methods
from lenet_ablate.report.page.placement import of_factor
from lenet_ablate.report.page.references import references_table
from lenet_ablate.report.study.factors import REPLICATE
from lenet_ablate.report.study.problems import ENDED_BADLY
from lenet_ablate.report.study.provenance import Provenance
from lenet_ablate.report.study.study import Study, count_line
from lenet_ablate.report.tables.table import Table
from lenet_ablate.report.text.rounding import NOTHING, loss_text, percent_texts
from lenet_ablate.report.text.wording import limit_points

MAX_COMMANDS = 40
MAX_LISTED = 2000  # runs, and variants' commands: a page of more is slow to open


def page_of(
    study: Study,
    analysis: StudyAnalysis,
    provenance: Provenance,
    tables: Mapping[str, Table],
    left_out: Sequence[str],
    downloads: Mapping[str, bytes],
) -> Page:
    """The content of a study's page without its figures; see `illustrated`.

    Args:
        study: The study.
        analysis: What was found.
        provenance: Where its results come from.
        tables: By name: a factor's key, the same with `_epochs` or `_simple` behind, `variants` and perhaps `anova`.
        left_out: Why some figures are missing.
        downloads: CSV files by name.
    """
    answer = answer_of(study, analysis)
    best, error = _best(study, analysis)
    data = study.fixed.get("data", "").partition(" ")[0]
    own = (f"{best}, {_choice(study)}", *error) if best and error else None
    return Page(
        study.title,
        lead(study),
        provenance.newest[:10],
        answer,
        analysis.warnings,
        tuple(_section(effect, analysis, tables) for effect in answer.effects),
        tables["variants"],
        {},
        (*left_out, *_not_listed(study)),
        tables.get("anova"),
        references_table(own) if data == "mnist" else None,
        methods(study, analysis, provenance),
        tuple(factor.key for factor in study.factors),
        tuple(_run_rows(study)),
        _provenance_rows(provenance),
        provenance.commands[:MAX_COMMANDS],
        tuple(_reproduce(study)),
        downloads,
        analysis.protocol_notes,
        "../index.html" if study.part else "",
        outcome_words(study.criteria),
        limit_points(study.criteria.margin),
    )


def illustrated(page: Page, images: Mapping[str, Sequence[Image]]) -> Page:
    """The same page with figures.

    Args:
        page: See `page_of`.
        images: By place; see `placement.section_of`.
    """
    factors = tuple(
        dataclasses.replace(factor, images=tuple(images.get(of_factor(factor.effect.key), ())))
        for factor in page.factors
    )
    return dataclasses.replace(page, factors=factors, images={place: tuple(found) for place, found in images.items()})


def _not_listed(study: Study) -> Iterator[str]:
    """What the page has no room for, in a sentence."""
    counts = {"runs": len(study.runs), "variants": study.design["variant_id"].nunique()}
    if told := [f"{MAX_LISTED:,} of {count:,} {what}" for what, count in counts.items() if count > MAX_LISTED]:
        yield f"This page lists {' and '.join(told)}; runs.csv has all."


def _section(effect: Effect, analysis: StudyAnalysis, tables: Mapping[str, Table]) -> FactorSection:
    (advice,) = (one.advice for one in analysis.factors if one.comparison.factor.key == effect.key)
    simple, epochs = tables.get(f"{effect.key}_simple"), tables.get(f"{effect.key}_epochs")
    return FactorSection(effect, advice, tables[effect.key], simple, epochs)


def lead(study: Study) -> str:
    """What was trained and how far it is, in a line."""
    names = {key: value.partition(" (")[0] for key, value in study.fixed.items()}
    return " · ".join(part for part in (protocol(names), count_line(study)) if part)


def _best(study: Study, analysis: StudyAnalysis) -> tuple[str, tuple[str, str] | None]:
    """The best variant by validation and its test error with spread, as texts."""
    runs = study.design[study.design["is_usable"] & (study.design["variant"] == analysis.best_variant)]
    per_seed = runs["test_accuracy"].astype(float)
    if per_seed.empty:
        return "", None
    mean, sd = float(per_seed.mean()), float(per_seed.std(ddof=1)) if len(per_seed) > 1 else math.nan
    (error,) = percent_texts([1 - mean], [sd])
    value, _, spread = error.partition(" ± ")
    told = f"SD {spread} over {len(per_seed)} seeds" if spread else "1 run"
    return str(analysis.best_variant), (value, told)


def _choice(study: Study) -> str:
    """What the variant that stands for the study is called, behind its name."""
    usable = study.design[study.design["is_usable"]]
    if study.design["variant"].nunique() == 1:
        return "the only setting"
    by = "by validation" if is_chosen_by_validation(study) else "by test accuracy"
    return f"best {by}" if usable["variant"].duplicated().any() else f"highest {by}, 1 run"


def _run_rows(study: Study) -> list[RunRow]:
    known = study.design.set_index("run")
    keys = [factor.key for factor in study.factors]
    rows = []
    runs = study.runs.set_index("run", drop=False)
    unreadable = [run for run in runs.index if run not in known.index]
    for name in [*known.index, *unreadable][:MAX_LISTED]:
        run, status = runs.loc[name], str(runs.at[name, "status"])
        is_known = name in known.index
        levels = [str(known.at[name, key]) for key in keys] if is_known else [str(name)] + [NOTHING] * (len(keys) - 1)
        is_bad = status in ENDED_BADLY or (
            status == State.done.value and not (is_known and known.at[name, "is_usable"])
        )
        rows.append(
            RunRow(
                tuple(levels[: len(keys)]),
                str(run[REPLICATE]) if is_known else NOTHING,
                status,
                is_bad,
                loss_text(_number(run["train_loss_running"]), math.nan),
                _percent(run["val_accuracy"]),
                _percent(run["test_accuracy"]),
                NOTHING if pd.isna(run["best_epoch"]) else str(int(run["best_epoch"])),
                NOTHING if pd.isna(run["wall_seconds"]) else f"{float(run['wall_seconds']):.1f}",
                "" if pd.isna(run["error"]) else str(run["error"]),
            )
        )
    return rows


def _reproduce(study: Study) -> list[tuple[str, str]]:
    commands = []
    for variant, runs in islice(study.design.groupby("variant_id", sort=False), MAX_LISTED):
        config = study.configs.get(str(variant))
        if config is not None:
            seeds = sorted({int(seed) for seed in runs[REPLICATE]})
            commands.append((str(runs["variant"].iloc[0]), variant_command(config, seeds, study.name)))
    return commands


def _provenance_rows(provenance: Provenance) -> tuple[tuple[str, tuple[str, ...]], ...]:
    versions = tuple(f"{name} {', '.join(found)}" for name, found in provenance.versions.items())
    rows = (
        ("Versions", (", ".join(versions),) if versions else ()),
        ("Commit", provenance.commits),
        ("Data, SHA-256", provenance.data_sha256),
        ("Engine", provenance.engines),
        ("Machine", provenance.machines),
    )
    return tuple((what, values) for what, values in rows if values)


def _number(value: Any) -> float:
    return math.nan if pd.isna(value) else float(value)


def _percent(value: Any) -> str:
    number = _number(value)
    return NOTHING if math.isnan(number) else f"{100 * number:.2f}"
