"""What was found and where it comes from, as JSON for programs."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from lenet_ablate.report.analysis.results import BestSetting, StudyAnalysis, Verdict
from lenet_ablate.report.study.provenance import Provenance
from lenet_ablate.report.study.study import Study

FORMAT = 1


def study_summary(study: Study, analysis: StudyAnalysis, provenance: Provenance) -> dict[str, Any]:
    """A study, or a part of it, whose runs can be compared.

    Args:
        study: The study.
        analysis: What was found; its factors are the ones that are told.
        provenance: Where it comes from.
    """
    verdicts = {factor.comparison.factor.key: list(map(_verdict, factor.verdicts)) for factor in analysis.factors}
    return _summary(study, provenance) | {
        "factors": {factor.key: factor.labels for factor in study.factors},
        "fixed": dict(study.fixed),
        "verdicts": verdicts,
        "best": None if analysis.best is None else _best(analysis.best),
        "stamps": list(analysis.protocol_notes),
        "corrections": analysis.corrections,
        "warnings": list(analysis.warnings),
        **_provenance(provenance),
    }


def parts_summary(
    study: Study, parts: Mapping[str, Mapping[str, Any]], provenance: Provenance, warnings: Sequence[str]
) -> dict[str, Any]:
    """A study of several parts.

    Args:
        study: The whole study.
        parts: The summary of each part that has a finished run, by its folder's name.
        provenance: Where it all comes from.
        warnings: What holds for the whole.
    """
    told = [
        {"part": part.part, "folder": part.place, **parts[part.place]} for part in study.parts if part.place in parts
    ]
    return _summary(study, provenance) | {
        "factors": {},  # across parts nothing is compared
        "fixed": dict(study.fixed),
        "verdicts": {},
        "best": None,
        "stamps": [],
        "warnings": list(warnings),
        **_provenance(provenance),
        "parts": told,
    }


def json_bytes(content: Mapping[str, Any]) -> bytes:
    """The summary as a file; a name on disk may hold a byte that no text encodes."""
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode("utf-8", errors="replace")


def _summary(study: Study, provenance: Provenance) -> dict[str, Any]:
    counts = study.runs["status"].value_counts()
    criteria = study.criteria
    return {
        "format": FORMAT,
        "study": study.name,
        "newest_sweep": provenance.newest,
        "runs": {"planned": len(study.runs), **{str(state): int(counts[state]) for state in sorted(counts.index)}},
        "criteria": {
            "metric": criteria.metric.value,
            "epoch": criteria.epoch.value,
            "margin": criteria.margin,
            "target": criteria.target,
            "alpha": criteria.alpha,
            "family": criteria.family.value,
        },
    }


def _provenance(provenance: Provenance) -> dict[str, Any]:
    return {
        "data_sha256": list(provenance.data_sha256),
        "commands": list(provenance.commands),
        "versions": {name: list(found) for name, found in provenance.versions.items()},
        "commits": list(provenance.commits),
        "machines": list(provenance.machines),
        "engines": list(provenance.engines),
    }


def _verdict(verdict: Verdict) -> dict[str, object]:
    values = dataclasses.asdict(verdict)
    return {**values, "code": int(verdict.code), "kind": verdict.code.name, "levels": list(verdict.levels)}


def _best(best: BestSetting) -> dict[str, object]:
    sd = None if math.isnan(best.sd) else best.sd
    return {**dataclasses.asdict(best), "sd": sd, "alike": list(best.alike)}
