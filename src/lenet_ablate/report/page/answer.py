"""What a reader wants to know first: what to use, what is as good, what to avoid, how sure, what to run next."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lenet_ablate.records.record import State
from lenet_ablate.report.analysis.best import is_chosen_by_validation
from lenet_ablate.report.analysis.results import StudyAnalysis
from lenet_ablate.report.analysis.sentences import NORMAL_95
from lenet_ablate.report.analysis.statistics import noise_floor
from lenet_ablate.report.analysis.warnings import unstable_variants
from lenet_ablate.report.page.effects import Effect, below, effects_of
from lenet_ablate.report.page.next_run import NextRun, duration, next_run
from lenet_ablate.report.study.factors import REPLICATE
from lenet_ablate.report.study.problems import ENDED_BADLY
from lenet_ablate.report.study.study import Study
from lenet_ablate.report.text.rounding import percent_texts
from lenet_ablate.report.text.wording import plural, points

MAX_NAMED = 5
VARIANT = "variant"
NONE = "No other setting."


@dataclass(frozen=True)
class Answer:
    """The first screen of a report; all texts plain.

    Attributes:
        settings: The setting to use, as pairs of key and value; empty where nothing varies.
        verb: What is said of it: "Use", or that it is merely the highest, in validation where that chooses.
        figure: Its test accuracy, with spread and number of seeds.
        chosen: How it was chosen, and what was left out of the choice though it lies higher.
        alike: What is as good, as far as can be told.
        avoid: What is known to be worse or to fail, a phrase each.
        sure: How sure all of this is.
        next: What to run next.
        effects: What is known of each factor.
        facts: How many runs, seeds, failures; what was left out; what it cost: pairs of what and how much.
    """

    settings: tuple[tuple[str, str], ...]
    verb: str
    figure: str
    chosen: str
    alike: str
    avoid: tuple[str, ...]
    sure: str
    next: NextRun
    effects: tuple[Effect, ...]
    facts: tuple[tuple[str, str], ...]

    @property
    def words(self) -> str:
        """The setting in words: `lr=0.001, pool=max`."""
        return ", ".join(f"{key}={value}" for key, value in self.settings)

    @property
    def term(self) -> str:
        """What is said of it as a heading: `use`, `highest` or `highest in validation`."""
        return self.verb.removesuffix(" so far").lower()


def answer_of(study: Study, analysis: StudyAnalysis) -> Answer:
    """The answer for a study with a finished run whose runs can all be compared."""
    ranked = _ranked(study)
    is_one_seed = not study.design.loc[study.design["is_usable"], VARIANT].duplicated().any()
    best = analysis.best_variant
    own = study.design[study.design[VARIANT] == best]
    settings = tuple((factor.key, str(own[factor.key].iloc[0])) for factor in study.factors) if len(own) else ()
    highest = "Highest in validation so far" if is_chosen_by_validation(study) else "Highest so far"
    is_chance = bool(study.design.loc[study.design["is_usable"], "is_collapsed"].all())
    effects, unstable = effects_of(analysis.factors, dict(settings)), _unstable(analysis, ranked, best)
    rivals = _rivals(analysis, ranked, _avoided(study, effects) | set(unstable))
    return Answer(
        settings,
        highest if is_one_seed or is_chance else "Use",
        ranked[best].figure if best in ranked else "no run has a final figure",
        " ".join(_chosen(study, analysis, ranked)),
        _alike(analysis, ranked, best, is_one_seed, rivals),
        (*_avoid(effects, dict(settings)), *_avoid_unstable(unstable, ranked)),
        _sure(analysis, ranked, best, effects, is_one_seed),
        next_run(study, analysis, rivals),
        effects,
        tuple(_facts(study, analysis)),
    )


@dataclass(frozen=True)
class _Variant:
    """A variant's finished runs: their mean test accuracy, how many, of how many, on how many images, in words."""

    mean: float
    range: tuple[float, float]
    seeds: int
    planned: int
    images: float
    figure: str


def _ranked(study: Study) -> dict[str, _Variant]:
    """The variants with a finished run, the highest test accuracy first."""
    usable = study.design[study.design["is_usable"]]
    planned = study.design[VARIANT].value_counts().to_dict()
    found = []
    for name, runs in usable.groupby(VARIANT, observed=True, sort=False):
        accuracy = runs["test_accuracy"].astype(float)
        mean, sd = float(accuracy.mean()), float(accuracy.std()) if len(runs) > 1 else math.nan
        spread = "mean ± SD, " if len(runs) > 1 else ""
        told = f"{percent_texts([mean], [sd])[0]} % test accuracy ({spread}{_seeds(len(runs), planned[name])})"
        extremes, images = (float(accuracy.min()), float(accuracy.max())), float(runs["num_images"].min())
        found.append((str(name), _Variant(mean, extremes, len(runs), planned[name], images, told)))
    return dict(sorted(found, key=lambda variant: -variant[1].mean))


def _seeds(count: int, planned: int) -> str:
    return plural(count, "seed") + (f" of {planned}" if planned > count else "")


def _chosen(study: Study, analysis: StudyAnalysis, ranked: Mapping[str, _Variant]) -> Iterator[str]:
    best = analysis.best_variant
    if best not in ranked:
        return
    if len(ranked) == 1 and study.design[VARIANT].nunique() == 1:
        yield "The only setting."
        return
    usable = study.design[study.design["is_usable"]]
    if usable["is_collapsed"].all():
        yield "No run learned anything: all ended at chance level, so the order of the settings means nothing."
        return
    yield (
        "Chosen by validation accuracy, not by test accuracy."
        if is_chosen_by_validation(study)
        else "Chosen on the test set: its figure is optimistic."
    )
    failed = ranked[best].planned - ranked[best].seeds
    lost = study.design[(study.design[VARIANT] == best) & study.design["status"].isin(ENDED_BADLY)]
    if failed and len(lost):
        yield f"{len(lost)} of its {ranked[best].planned} runs failed."
    alone = [name for name, one in ranked.items() if one.seeds == 1 and one.mean > ranked[best].mean]
    if ranked[best].seeds > 1 and alone:
        more = f" (and {len(alone) - 1} more)" if len(alone) > 1 else ""
        yield (
            f"Left out: {alone[0]} reached {100 * ranked[alone[0]].mean:.2f} %{more}, with one seed, which may be luck."
        )


def _unstable(analysis: StudyAnalysis, ranked: Mapping[str, _Variant], best: str) -> list[str]:
    """Variants below the best one whose seeds differ by more than chance on single images explains, worst first."""
    found = unstable_variants(analysis.noise)["variant"].astype(str)
    return [name for name in found if best in ranked and name in ranked and ranked[name].mean < ranked[best].mean]


def _avoid_unstable(unstable: list[str], ranked: Mapping[str, _Variant]) -> Iterator[str]:
    if unstable:
        low, high = (f"{100 * accuracy:.2f}" for accuracy in ranked[unstable[0]].range)
        more = f", and {len(unstable) - 1} more" if len(unstable) > 1 else ""
        yield f"unstable: {unstable[0]} (seeds from {low} to {high} %){more}"


def _avoided(study: Study, effects: tuple[Effect, ...]) -> set[str]:
    """The variants with a level that is to be avoided, whatever the other settings are."""
    names: set[str] = set()
    for effect in effects:
        if not effect.depends_on:
            levels = {other.level for other in effect.worse} | {level for level, _ in effect.troubles}
            names |= set(study.design.loc[study.design[effect.key].astype(str).isin(levels), VARIANT])
    return names


def _rivals(analysis: StudyAnalysis, ranked: Mapping[str, _Variant], avoided: set[str]) -> list[str]:
    """The variants that are not told apart from the best one, but those to be avoided; the highest first."""
    alike = set(analysis.best.alike) - avoided if analysis.best else set()
    return [name for name in ranked if name in alike]


def _alike(
    analysis: StudyAnalysis, ranked: Mapping[str, _Variant], best: str, is_one_seed: bool, rivals: list[str]
) -> str:
    others = [name for name in ranked if name != best]
    if not others or best not in ranked:
        return ""
    if is_one_seed:
        is_higher = ranked[others[0]].mean > ranked[best].mean
        place = "the highest on the test set" if is_higher else "the runner-up"
        return f"{_named(others[:1], ranked)} is {place}; one seed each, so nothing is tested."
    if analysis.best is None or not analysis.best.alike:
        candidates = [one for one in ranked.values() if one.seeds > 1]
        is_known = analysis.best is not None and len(candidates) > 1 and analysis.best.is_tested
        return NONE if is_known else "Not known: too few seeds are common to the settings."
    seeds = plural(analysis.best.seeds, "seed")
    if not rivals:
        names = "; ".join(analysis.best.alike[:MAX_NAMED])
        return f"None to rely on: by the means of {seeds} also {names}, which are to be avoided."
    rest = f"; and {len(rivals) - MAX_NAMED} more" if len(rivals) > MAX_NAMED else ""
    avoided = len(analysis.best.alike) - len(rivals)
    nor = f"; nor {'is' if avoided == 1 else 'are'} {avoided} to be avoided" if avoided else ""
    return f"{_named(rivals[:MAX_NAMED], ranked)}{rest} (not told apart by {seeds}{nor})."


def _named(names: list[str], ranked: Mapping[str, _Variant]) -> str:
    return "; ".join(f"{name} ({100 * ranked[name].mean:.2f} %)" for name in names)


def _avoid(effects: tuple[Effect, ...], settings: dict[str, str]) -> Iterator[str]:
    for effect in effects:
        troubled = dict(effect.troubles)
        worse = {other.level: other for other in effect.worse}
        for level in dict.fromkeys([*worse, *troubled]):
            words = []
            if level in worse:
                words.append(f"{below(worse[level])} {effect.best}")
            if level in troubled:
                words.append(troubled[level])
            on = f", on average; depends on {' and '.join(effect.depends_on)}" if effect.depends_on else ""
            mark = " (the best setting has it)" if settings.get(effect.key) == level else ""
            yield f"{effect.key}={level}{mark}: {', '.join(words)}{on if level in worse else ''}"


def _sure(
    analysis: StudyAnalysis,
    ranked: Mapping[str, _Variant],
    best: str,
    effects: tuple[Effect, ...],
    is_one: bool,
) -> str:
    if len(ranked) < 2:
        return "One seed: chance is not known." if is_one else "There is nothing to compare it with."
    if is_one:
        return _sure_of_one(ranked, best)
    sure = [effect.key for effect in effects if effect.is_settled]
    open_ = [effect.key for effect in effects if effect.against and not effect.is_settled]
    told = []
    if analysis.best is not None and analysis.best.is_tested:
        count = sum(one.seeds > 1 for one in ranked.values()) - 1
        apart = count - len(analysis.best.alike)
        others, seeds = plural(count, "other setting"), plural(analysis.best.seeds, "seed")
        every, any_ = ("the other setting",) * 2 if count == 1 else (f"all {others}", f"any of the {others}")
        which = every if apart == count else f"{apart} of the {others}"
        can = f"is told apart from {which}" if apart else f"cannot be told apart from {any_}"
        told.append(f"With {seeds} it {can}.")
    told += [f"Settled: {', '.join(sure)}."] if sure else []
    told += [f"Undecided: {', '.join(open_)}."] if open_ else []
    return " ".join(told)


def _sure_of_one(ranked: Mapping[str, _Variant], best: str) -> str:
    runner = next(name for name in ranked if name != best)
    gap = ranked[best].mean - ranked[runner].mean
    noise = [float(noise_floor(1 - one.mean, one.images)) for one in (ranked[best], ranked[runner])]
    place = "above the runner-up" if gap >= 0 else "below the highest on the test set"
    told = f"Not tested: one seed each. It lies {points(abs(gap))} pp {place}"
    usual = NORMAL_95 * math.hypot(*noise)
    if not math.isfinite(usual) or not usual:
        return f"{told}."
    extent = "no more than" if abs(gap) <= usual else "more than"
    return f"{told}, {extent} what two seeds of one setting usually differ (up to about {points(usual)} pp)."


def _facts(study: Study, analysis: StudyAnalysis) -> Iterator[tuple[str, str]]:
    states = study.runs["status"].value_counts()
    yield "runs finished", f"{study.num_finished} of {len(study.runs)}"
    seeds = study.design.loc[study.design["is_usable"], REPLICATE].nunique()
    yield "seeds", str(seeds)
    bad = [f"{int(states[state])} {state}" for state in ENDED_BADLY if state in states.index]
    collapsed = int(study.design["is_collapsed"].sum())
    bad += [f"{collapsed} collapsed"] if collapsed else []
    yield "failed", ", ".join(bad) or "none"
    yield "left out of comparisons", _left_out(study, analysis)
    seconds = study.runs["wall_seconds"].dropna().astype(float)
    if len(seconds):
        yield "training time", f"{duration(float(seconds.sum()))} in all, {duration(float(seconds.median()))} per run"


def _left_out(study: Study, analysis: StudyAnalysis) -> str:
    usable = int(study.design["is_usable"].sum())
    compared = [factor.comparison for factor in analysis.factors]
    done = int((study.runs["status"] == State.done.value).sum())
    missing = max((one.num_usable - len(one.runs) for one in compared), default=0) + done - usable
    same = max((usable - one.num_usable for one in compared), default=0)
    told = [plural(missing, "run")] if missing else []
    told += [f"{plural(same, 'run')} that trained as another one did"] if same else []
    told += [plural(len(study.copies), "copy").replace("copys", "copies")] if study.copies else []
    return ", ".join(told) or "nothing"
