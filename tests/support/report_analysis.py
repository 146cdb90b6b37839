"""A simple stand-in for the analysis of a study, for tests of what shows it."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import pandas as pd

from lenet_ablate.report.analysis.judge import PAIR_COLUMNS
from lenet_ablate.report.analysis.results import Code, FactorAnalysis, StudyAnalysis, Verdict
from lenet_ablate.report.study.comparison import compare
from lenet_ablate.report.study.factors import REPLICATE, Factor
from lenet_ablate.report.study.study import Study

FIGURES = ["outcome", "train_loss_running", "val_accuracy", "test_accuracy", "best_val_accuracy"]


def simple_analysis(study: Study, best: str | None = None, sentence: str = "{a} is better than {b}.") -> StudyAnalysis:
    """Means and SDs as they are; intervals of two SDs; every difference called significant unless one seed is all."""
    factors = tuple(_factor(study, factor, best, sentence) for factor in study.factors)
    usable = study.design[study.design["is_usable"]]
    variant = str(usable.groupby("variant")["test_accuracy"].mean().idxmax()) if len(usable) else ""
    noise = pd.DataFrame({name: [] for name in ("variant", "seeds", "sd", "sd_floor", "ratio", "sd_predicted")})
    return StudyAnalysis(factors, pd.DataFrame(), pd.DataFrame(), variant, noise, ("One thing to mind.",))


def _factor(study: Study, factor: Factor, best: str | None, sentence: str) -> FactorAnalysis:
    comparison = compare(study.design, factor, study.factors)
    runs = comparison.runs.rename(columns={factor.key: "level"})
    values = runs.groupby(["level", REPLICATE], observed=True)[FIGURES].mean().reset_index().astype({"level": str})
    levels = pd.DataFrame([_level(comparison.planned, values, factor, label, best) for label in factor.labels])
    pairs = [_pair(levels, values, factor.key, a, b) for a, b in combinations(factor.labels, 2)]
    a, b = factor.labels[:2]
    verdict = Verdict(Code.better, sentence.format(a=a, b=b), (a, b))
    frame = pd.DataFrame(pairs, columns=list(PAIR_COLUMNS))
    return FactorAnalysis(comparison, values, levels, frame, (verdict,), "Run more seeds.")


def _level(planned: pd.DataFrame, values: pd.DataFrame, factor: Factor, label: str, best: str | None) -> dict[str, Any]:
    own = values[values["level"] == label]
    runs = planned[planned[factor.key] == label]
    mean, sd = own["outcome"].mean(), own["outcome"].std()
    return {
        "factor": factor.key,
        "level": label,
        "metric": "test_accuracy",
        "split": "test",
        "epoch_rule": "last",
        "n_planned": len(runs),
        "n_used": int(runs["is_usable"].sum()),
        "n_failed": int(runs["status"].isin(["failed", "diverged"]).sum()),
        "n_collapsed": int(runs["is_collapsed"].sum()),
        "seeds": own[REPLICATE].nunique(),
        "mean": mean,
        "sd": sd,
        "ci_low": mean - 2 * sd,
        "ci_high": mean + 2 * sd,
        "ci_kind": "wilson95" if math.isnan(sd) else "t95",
        "median": own["outcome"].median(),
        "min": own["outcome"].min(),
        "max": own["outcome"].max(),
        "sd_floor": math.sqrt(max(1 - mean, 0) / 20_000),
        "group": "a" if label == best else "b",
        "is_best": label == best,
        "alike": "",
        **{
            f"{figure}_{how}": getattr(own[figure], how.replace("sd", "std"))()
            for figure in FIGURES[1:]
            for how in ("mean", "sd")
        },
    }


def _pair(levels: pd.DataFrame, values: pd.DataFrame, key: str, a: str, b: str) -> dict[str, Any]:
    seeds = values.pivot(index=REPLICATE, columns="level", values="outcome").reindex(columns=[a, b])
    differences = (seeds[a] - seeds[b]).dropna()
    sd = differences.std() / math.sqrt(max(len(differences), 1))
    several = len(differences) > 1
    known = {
        "factor": key,
        "level_a": a,
        "level_b": b,
        "metric": "test_accuracy",
        "n_pairs": len(differences),
        "diff": differences.mean(),
        "ci_low": differences.mean() - 2 * sd,
        "ci_high": differences.mean() + 2 * sd,
        "p": 0.001 if several else math.nan,
        "p_holm": 0.0123 if several else math.nan,
        "p_corrected": 0.0123 if several else math.nan,
        "look": 1,
        "n_combinations": 1,
        "m_tests": len(levels) * (len(levels) - 1) // 2,
        "alpha": 0.05,
        "is_fragile": False,
        "verdict_code": 2,
        "verdict": f"{a} is better than {b}.",
    }
    return {**dict.fromkeys(PAIR_COLUMNS, math.nan), **known}
