"""What was found and where it comes from, as JSON for programs."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from lenet_ablate.report.analysis.results import BestSetting, StudyAnalysis, Verdict
from lenet_ablate.report.collect import Study
from lenet_ablate.report.origins import Origins

FORMAT = 1


def study_summary(study: Study, analysis: StudyAnalysis, origins: Origins) -> dict[str, Any]:
    """A study, or a part of it, whose runs can be compared.

    Args:
        study: The study.
        analysis: What was found; its factors are the ones that are told.
        origins: Where it comes from.
    """
    verdicts = {factor.comparison.factor.key: list(map(_verdict, factor.verdicts)) for factor in analysis.factors}
    return _summary(study, origins) | {
        "factors": {factor.key: factor.labels for factor in study.factors},
        "fixed": dict(study.fixed),
        "verdicts": verdicts,
        "best": None if analysis.best is None else _best(analysis.best),
        "stamps": list(analysis.stamps),
        "warnings": list(analysis.warnings),
        **_origins(origins),
    }


def parts_summary(
    study: Study, parts: Mapping[str, Mapping[str, Any]], origins: Origins, warnings: Sequence[str]
) -> dict[str, Any]:
    """A study of several parts.

    Args:
        study: The whole study.
        parts: The summary of each part that has a finished run, by its folder's name.
        origins: Where it all comes from.
        warnings: What holds for the whole.
    """
    told = [
        {"part": part.part, "folder": part.place, **parts[part.place]} for part in study.parts if part.place in parts
    ]
    return _summary(study, origins) | {
        "factors": {},  # across parts nothing is compared
        "fixed": dict(study.fixed),
        "verdicts": {},
        "best": None,
        "stamps": [],
        "warnings": list(warnings),
        **_origins(origins),
        "parts": told,
    }


def json_bytes(content: Mapping[str, Any]) -> bytes:
    """The summary as a file; a name on disk may hold a byte that no text encodes."""
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode("utf-8", errors="replace")


def _summary(study: Study, origins: Origins) -> dict[str, Any]:
    counts = study.runs["status"].value_counts()
    criteria = study.criteria
    return {
        "format": FORMAT,
        "study": study.name,
        "newest_sweep": origins.newest,
        "runs": {"planned": len(study.runs), **{str(state): int(counts[state]) for state in sorted(counts.index)}},
        "criteria": {
            "metric": criteria.metric.value,
            "epoch": criteria.epoch.value,
            "margin": criteria.margin,
            "target": criteria.target,
            "alpha": criteria.alpha,
        },
    }


def _origins(origins: Origins) -> dict[str, Any]:
    return {
        "data_sha256": list(origins.data_sha256),
        "commands": list(origins.commands),
        "versions": {name: list(found) for name, found in origins.versions.items()},
        "commits": list(origins.commits),
        "machines": list(origins.machines),
        "engines": list(origins.engines),
    }


def _verdict(verdict: Verdict) -> dict[str, object]:
    values = dataclasses.asdict(verdict)
    return {**values, "code": int(verdict.code), "kind": verdict.code.name, "levels": list(verdict.levels)}


def _best(best: BestSetting) -> dict[str, object]:
    sd = None if math.isnan(best.sd) else best.sd
    return {**dataclasses.asdict(best), "sd": sd, "alike": list(best.alike)}
