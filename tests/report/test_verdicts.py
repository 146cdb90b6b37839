"""The sentences of verdicts, and who speaks them; how often they are wrong: `test_false_alarms.py`."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lenet_ablate.report.analysis.advice import advise
from lenet_ablate.report.analysis.analyse import Measured, Surroundings, analyse_comparison, analyse_factor
from lenet_ablate.report.analysis.pairs import measure_pairs
from lenet_ablate.report.analysis.results import Code, FactorAnalysis, Posterior, Verdict
from lenet_ablate.report.analysis.verdicts import headlines
from lenet_ablate.report.study.comparison import Comparison, compare
from lenet_ablate.report.study.criteria import DEFAULT_CRITERIA, Criteria, Family, Metric
from lenet_ablate.report.text.wording import limit_points, p_text, points, signed_points
from support.report_designs import comparison_of, design_of, factors_of

Array = np.ndarray[Any, Any]

NUMBER, SIGNED, P = r"−?\d+\.\d\d", r"(?:[+−]\d+\.\d\d|0\.00)", r"p(?:=0\.\d+|=1\.0|<0\.001)"
FRAGILE = r"(?: \(fragile: (?:(?:Welch|sign-flip) disagrees|Welch/sign-flip disagree)\))?"
AFTER = r"(?: Completed runs only\.)?(?: Depends on [\w ,]+: see the table of variants\.)?"
EVIDENCE = rf"(?:95 % CI {NUMBER} to {NUMBER}, )?n=\d+ paired seeds, {P}"
MORE = rf"lr=\S+ is {NUMBER} pp more accurate than lr=\S+ \({EVIDENCE}\)"
CORRECTED = rf"corrected 95 % CI {SIGNED} to {SIGNED}"
ADDED = rf"(?:\. Telling {NUMBER} pp takes (?:\d+|more than 200) more seeds?)?"
UNTRAINED = r"lr=\S+ did not in \d+ of \d+ runs?"
SENTENCES = {
    Code.one_run: r"One (?:run|seed) per level: values are descriptive"
    rf"(?:; lr=\S+ is {NUMBER} pp above lr=\S+, which is (?:within|beyond the usual) seed noise "
    rf"\(≈{NUMBER} pp SD of a difference\))?"
    rf"(?:; on the same images, for these two networks only, McNemar's {P})?\.",
    Code.better: rf"{MORE}, above the {NUMBER} pp margin{FRAGILE}\.",
    Code.better_maybe_less_than_margin: rf"{MORE}; (?:corrected, {NUMBER} to {NUMBER}, it )?"
    rf"may be smaller than the {NUMBER} pp margin{FRAGILE}\.",
    Code.practically_same: rf"lr=\S+ and lr=\S+ are practically the same: difference {SIGNED} pp, "
    rf"{CORRECTED}, inside ±{NUMBER} pp\.",
    Code.not_distinguishable: rf"lr=\S+ and lr=\S+(?:"
    rf" are not distinguishable at n=\d+ seeds: difference {SIGNED} pp "
    rf"\(95 % CI {SIGNED} to {SIGNED}(?:, corrected {P})?\)"
    rf"(?:; differences under {NUMBER} pp would usually be missed)?"
    rf"|: too few runs to say; difference {SIGNED} pp at n=\d+ seeds){ADDED}\.",
    Code.failures: r"lr=\S+: (?:(?:, )?\d+ of \d+ runs? (?:failed|diverged|collapsed) \(\d+ %, Wilson \d+–\d+ %\))+"
    rf"(?:; (?:more|less) often than lr=\S+ \(Fisher's exact test, {P}\))?\.",
    Code.identical: r"lr=\S+ and lr=\S+ trained identically here(?:: .+)?\.",
    Code.depends_on_failures: rf"(?:lr=\S+ is {NUMBER} pp more accurate than lr=\S+ where both trained \({EVIDENCE}\)"
    rf"|lr=\S+ and lr=\S+ are practically the same where both trained \({CORRECTED}\)), but "
    rf"{UNTRAINED}(?: and {UNTRAINED})?: (?:counted as guessing, the difference is {SIGNED} pp, so )?"
    r"(?:which is better|whether they are the same) depends on how failures count\.",
    Code.not_shared: r"lr=\S+ and lr=\S+ share (?:one seed only, too few to compare them"
    r"|no seed, so that they cannot be compared)\.",
}
BANNED = ["no difference", "prove", "p=0.000", "trend", "marginal", "significant", "nan", "None", "-0."]


def analysis_of(accuracy: Array, criteria: Criteria = DEFAULT_CRITERIA, **changes: Any) -> FactorAnalysis:
    return analyse_comparison(comparison_of({"lr": list("abcdefgh")[: len(accuracy)]}, accuracy, **changes), criteria)


def arms(difference: float, spread: float, n: int, base: float = 0.98) -> Array:
    """Two arms whose differences by seed have exactly this mean and SD."""
    shape = np.linspace(-1, 1, n)
    differences = difference + spread * shape / shape.std(ddof=1)
    common = base + 0.0005 * np.cos(np.arange(n))
    return np.array([common + differences, common])


def the_sentence(*args: Any, **changes: Any) -> tuple[Code, str]:
    (verdict,) = analysis_of(*args, **changes).verdicts
    assert re.fullmatch(SENTENCES[verdict.code] + AFTER, verdict.sentence), verdict.sentence
    return verdict.code, verdict.sentence


def test_more_accurate_by_more_than_the_margin() -> None:
    assert the_sentence(arms(0.0031, 0.0016775, 10)) == (
        Code.better,
        "lr=a is 0.31 pp more accurate than lr=b (95 % CI 0.19 to 0.43, n=10 paired seeds, p<0.001), "
        "above the 0.10 pp margin.",
    )
    code, sentence = the_sentence(arms(-0.0031, 0.0016775, 10))
    assert code is Code.better and sentence.startswith("lr=b is 0.31 pp more accurate than lr=a (95 % CI 0.19 to 0.43")


def test_more_accurate_but_maybe_by_less_than_the_margin() -> None:
    assert the_sentence(arms(0.00121, 0.00079875, 5)) == (
        Code.better_maybe_less_than_margin,
        "lr=a is 0.12 pp more accurate than lr=b (95 % CI 0.02 to 0.22, n=5 paired seeds, p=0.034); "
        "may be smaller than the 0.10 pp margin.",
    )


def test_where_the_correction_alone_puts_the_margin_in_doubt_the_corrected_interval_is_told() -> None:
    two = arms(0.0026, 0.0009, 5, base=0.99)
    beside_a_third = np.vstack([two, two[1:] + 0.0002 * np.cos(3 * np.arange(5))])
    analysis = analysis_of(beside_a_third)
    told = analysis.verdicts[-1].sentence
    assert "(95 % CI 0.15 to 0.37, n=5" in told, told
    assert told.endswith("; corrected, 0.09 to 0.43, it may be smaller than the 0.10 pp margin."), told


def test_practically_the_same() -> None:
    assert the_sentence(arms(-0.0001, 0.0008, 8)) == (
        Code.practically_same,
        "lr=b and lr=a are practically the same: difference +0.01 pp, corrected 95 % CI −0.06 to +0.08, "
        "inside ±0.10 pp.",
    )


def test_not_distinguishable() -> None:
    assert the_sentence(arms(0.0005, 0.00128, 5, base=0.99)) == (
        Code.not_distinguishable,
        "lr=a and lr=b are not distinguishable at n=5 seeds: difference +0.05 pp (95 % CI −0.11 to +0.21); "
        "differences under 0.23 pp would usually be missed. Telling 0.15 pp takes 7 more seeds.",
    )


def test_an_interval_without_zero_of_levels_that_are_not_distinguishable_comes_with_its_corrected_p() -> None:
    two = arms(0.0008, 0.0005, 5, base=0.99)
    beside_a_third = np.vstack([two, two[1:] + 0.0002 * np.cos(3 * np.arange(5))])
    assert [verdict.sentence.partition(";")[0] for verdict in analysis_of(beside_a_third).verdicts] == [
        "lr=a and lr=c are not distinguishable at n=5 seeds: difference +0.08 pp "
        "(95 % CI +0.01 to +0.14, corrected p=0.089)",
        "lr=a and lr=b are not distinguishable at n=5 seeds: difference +0.08 pp "
        "(95 % CI +0.02 to +0.14, corrected p=0.087)",
    ]


def test_one_run_says_whether_the_gap_is_noise() -> None:
    assert the_sentence(np.array([[0.9858], [0.9837]])) == (
        Code.one_run,
        "One run per level: values are descriptive; lr=a is 0.21 pp above lr=b, which is within seed noise "
        "(≈0.12 pp SD of a difference).",
    )
    assert (
        "lr=b is 2.70 pp above lr=a, which is beyond the usual seed noise"
        in the_sentence(np.array([[0.9567], [0.9837]]))[1]
    )
    assert the_sentence(np.array([[0.9], [0.8]]), num_images=math.nan)[1] == (
        "One run per level: values are descriptive."
    )


def test_validation_accuracy_is_called_so() -> None:
    criteria = Criteria(metric=Metric.val_accuracy)
    sentence = analysis_of(arms(0.0031, 0.0016775, 10), criteria).verdicts[0].sentence
    assert sentence.startswith("lr=a is 0.31 pp more accurate in validation than lr=b (")


def test_a_result_that_another_test_does_not_share_is_fragile() -> None:
    # Seeds go up and down together: paired a clear difference, between independent arms none.
    common = 0.98 + 0.004 * np.cos(np.arange(8))
    found = analysis_of(np.array([common + 0.002 + 1e-4 * np.sin(np.arange(8)), common]))
    assert found.verdicts[0].is_fragile and found.pairs["is_fragile"].all()
    assert found.verdicts[0].sentence.endswith("margin (fragile: Welch disagrees).")
    # Five seeds cannot reach 0.05 by sign flips, so that test does not speak.
    assert not analysis_of(arms(0.00106, 0.00079875, 5)).verdicts[0].is_fragile


def test_p_is_corrected_for_pairs_and_looks() -> None:
    accuracy = np.array([*arms(0.0015, 0.001, 10), arms(-0.0005, 0.001, 10)[0]])
    once, twice = (
        analyse_comparison(comparison_of({"lr": list("abc")}, accuracy), DEFAULT_CRITERIA, look=look) for look in (1, 2)
    )
    assert once.pairs["p_holm"].tolist() == twice.pairs["p_holm"].tolist()
    assert once.pairs["p_corrected"].to_numpy() == pytest.approx(np.minimum(once.pairs["p_holm"] / 0.8, 1))
    assert twice.pairs["p_corrected"].to_numpy() == pytest.approx(np.minimum(once.pairs["p_holm"] / 0.2, 1))
    assert f"paired seeds, {p_text(once.pairs['p_corrected'][0])})" in once.verdicts[0].sentence
    for found in (once, twice):  # the corrected interval is wider than the pair's own
        assert (found.pairs["ci_all_low"] < found.pairs["ci_low"]).all()


def test_a_margin_is_claimed_by_the_interval_of_all_pairs() -> None:
    """The pair's own interval lies above the margin, the one of all fifteen pairs does not."""
    two = arms(0.0022, 0.0012, 10)
    assert analysis_of(two).verdicts[0].code is Code.better
    rest = [arms(0.0, 0.0012, 10)[1] + 1e-5 * number for number in range(4)]
    pair = analysis_of(np.array([*two, *rest])).pairs.iloc[0]
    assert pair["ci_low"] > 0.001 > pair["ci_all_low"]
    assert pair["verdict_code"] == Code.better_maybe_less_than_margin


def test_posteriors_stand_beside_verdicts() -> None:
    found = analysis_of(arms(0.0005, 0.00128, 5, base=0.99))
    posterior = found.verdicts[0].posterior
    assert posterior is not None
    assert posterior == Posterior(*found.pairs.loc[0, ["p_better", "p_same", "p_worse"]])
    assert posterior.better + posterior.same + posterior.worse == pytest.approx(1)
    assert posterior.better > posterior.worse and analysis_of(np.array([[0.9], [0.8]])).verdicts[0].posterior is None


def test_a_finding_of_many_factors_says_where_it_would_not_stand() -> None:
    comparison = comparison_of({"lr": list("ab")}, arms(0.0012, 0.0007, 5))
    measured = Measured(comparison, measure_pairs(comparison, DEFAULT_CRITERIA))
    others = np.full(20, 0.5)
    found = analyse_factor(measured, DEFAULT_CRITERIA, Surroundings(others=others))
    assert found.verdicts[0].code is Code.better_maybe_less_than_margin
    assert found.verdicts[0].sentence.endswith(" It would not stand a correction over all settings that vary.")
    assert found.pairs["p_study"].item() == pytest.approx(min(1, 21 * found.pairs["p"].item() / 0.8))
    strict = analyse_factor(measured, Criteria(family=Family.study), Surroundings(others=others))
    assert strict.verdicts[0].code is Code.not_distinguishable
    assert strict.pairs["p_corrected"].item() == found.pairs["p_study"].item()


# --- which pairs speak -------------------------------------------------------------------------------------------


def test_the_best_level_speaks_against_each_other_one_the_nearest_first() -> None:
    noise = np.random.default_rng(0).normal(0, 0.0003, (4, 6))
    found = analysis_of(0.97 + noise + np.array([[0.0], [0.01], [0.002], [0.005]]))
    assert [verdict.levels for verdict in found.verdicts] == [("b", "d"), ("b", "c"), ("a", "b")]


def test_without_a_best_level_the_highest_speaks_against_each_in_order() -> None:
    noise = np.random.default_rng(0).normal(0, 0.0003, (4, 6))
    found = analysis_of(0.97 + noise + np.array([[0.0], [0.0102], [0.002], [0.01]]))
    assert [verdict.levels for verdict in found.verdicts] == [("b", "d"), ("b", "c"), ("a", "b")]
    assert len(found.pairs) == 6 and found.pairs["verdict"].str.endswith(".").all()


def test_many_single_runs_speak_once_of_the_best_and_the_runner_up() -> None:
    (verdict,) = analysis_of(np.array([[0.98], [0.985], [0.97]])).verdicts
    assert verdict.levels == ("a", "b") and "lr=b is 0.50 pp above lr=a" in verdict.sentence


# --- no other sentences ------------------------------------------------------------------------------------------


def random_comparison(random: np.random.Generator) -> Comparison:
    """Up to four levels of up to eight seeds; some runs diverged, some collapsed, some are still to come."""
    num_levels, n = int(random.integers(2, 5)), int(random.integers(1, 9))
    spread, noise = 10 ** random.uniform(-5, -2, 2)
    accuracy = 0.97 + random.normal(0, spread, (num_levels, 1)) + random.normal(0, noise, (num_levels, n))
    levels = {"lr": list("abcd")[:num_levels]}
    design = design_of(levels, np.round(accuracy.clip(0, 1), 4))
    if random.random() < 0.4:
        lost = random.random(len(design)) < 0.3
        design.loc[lost, "status"] = random.choice(["failed", "diverged", "planned"])
        design.loc[lost, "is_usable"] = False
        design.loc[~lost & (random.random(len(design)) < 0.1), "is_collapsed"] = True
    if random.random() < 0.1:
        design.loc[design["lr"] == "b", "curve"] = design.loc[design["lr"] == "a", "curve"].to_numpy()
    factors = factors_of(levels)
    return compare(design, factors[0], factors)


def test_no_other_sentences_exist_and_no_banned_word() -> None:
    random, seen = np.random.default_rng(3), set()
    for _ in range(150):
        comparison = random_comparison(random)
        measured = Measured(comparison, measure_pairs(comparison, DEFAULT_CRITERIA))
        partners = ["batch size"] * int(random.integers(2))
        found = analyse_factor(measured, DEFAULT_CRITERIA, Surroundings(int(random.integers(1, 3)), partners=partners))
        told = [*found.verdicts, *(Verdict(Code(c), s, ()) for c, s in found.pairs[["verdict_code", "verdict"]].values)]
        for verdict in told:
            assert re.fullmatch(SENTENCES[verdict.code] + AFTER, verdict.sentence), verdict.sentence
            assert not [word for word in BANNED if word in verdict.sentence], verdict.sentence
        assert not [word for word in BANNED if word in found.advice], found.advice
        seen |= {verdict.code for verdict in told}
    assert seen == set(Code)


def test_numbers_in_sentences() -> None:
    assert [points(x) for x in (0.0021, -0.0005, -0.00001, 0.123456)] == ["0.21", "−0.05", "0.00", "12.35"]
    assert [signed_points(x) for x in (0.0021, -0.0005, -0.00001)] == ["+0.21", "−0.05", "0.00"]
    assert [limit_points(x) for x in (0.001, 0.0015, 0.00125, 0.05)] == ["0.10", "0.15", "0.125", "5.00"]
    assert [p_text(p) for p in (0.0412, 0.05, 0.0005, 0.001, 1.0, 0.0)] == [
        "p=0.041",
        "p=0.050",
        "p<0.001",
        "p=0.0010",
        "p=1.0",
        "p<0.001",
    ]


# --- advice ------------------------------------------------------------------------------------------------------


def advice_of(accuracy: Array, used: list[int], criteria: Criteria = DEFAULT_CRITERIA) -> str:
    comparison = comparison_of({"lr": list("abcd")[: len(accuracy)]}, accuracy)
    found = analyse_comparison(comparison, criteria)
    return advise(measure_pairs(comparison, criteria), headlines(found.pairs, found.levels), used, criteria)


def test_advice_goes_on_with_the_next_seeds() -> None:
    accuracy = arms(0.0005, 0.00128, 5, base=0.99)
    told = analysis_of(accuracy).advice
    assert told.startswith(
        "7 more seeds per level would find a difference of 0.15 pp between lr=a and lr=b with 80 % power "
        "(12 needed, 5 now; planned for the stricter test of look 2): add seed=5,6,7,8,9,10,11 to the sweep's command."
    )
    assert "seed=8,9,10,11,12,13,14 to" in advice_of(accuracy, [0, 1, 7])
    assert "'seed=range(5,57)' to" in advice_of(accuracy, [4], Criteria(target=0.0006))
    assert "seed=1,2,3,4,5,6,7 to" in advice_of(accuracy, [0, 2**32 - 1])


def test_advice_takes_the_floor_where_a_few_seeds_agree_by_luck() -> None:
    # SD 0.080 points, but 1.6 % and 1.5 % error let expect 0.124: 15 seeds for 0.10 points instead of 8.
    accuracy = arms(0.0001, 0.00079875, 5, base=0.98457 - 0.00005)
    assert "(22 needed, 5 now; " in advice_of(accuracy, [4], Criteria(target=0.0010, margin=0.0001))


def test_where_all_is_settled_there_is_no_advice() -> None:
    assert analysis_of(arms(0.0031, 0.0016775, 10)).advice == ""
    assert analysis_of(arms(-0.0001, 0.0008, 8)).advice == ""


def test_single_runs_are_advised_by_the_floor() -> None:
    assert "(8 needed, 1 now): add seed=1,2,3,4,5,6,7 to" in analysis_of(np.array([[0.9858], [0.9837]])).advice


def test_headlines_are_empty_without_pairs() -> None:
    found = analysis_of(np.array([[0.9, 0.91]]))
    assert found.pairs.empty and headlines(found.pairs, found.levels).empty and found.verdicts == ()
    assert isinstance(found.pairs, pd.DataFrame) and "verdict" in found.pairs
