"""What the front page says of the packed studies: what was found, and what became of what was published."""

import re
import statistics
from collections.abc import Sequence

from pack import DOCUMENT, Packed
from published import claims, compare, percent, side, spread
from questions import question, shown
from rows import accuracies, order_of, rows_of, varied

from lenet_ablate.report.analysis.results import Code

VERDICTS = {
    Code.better: "**better**",
    Code.better_maybe_less_than_margin: "**better**, if by little",
    Code.practically_same: "the same",
    Code.identical: "the same",
    Code.not_distinguishable: "not distinguishable",
}
IN_TABLE = ("pooling", "learning_rate", "batch_size", "optimizer_activation", "augmentation")
BEST = re.compile(
    r"Best known setting, chosen by validation(?:, where \d+ are level)?: (?P<which>.*?): "
    r"(?P<figure>[\d.]+ ± [\d.]+ %) test accuracy \((?P<n>n=\d+)\)\.(?:.*Not distinguishable from it: (?P<alike>.*)\.)?"
)


def claims_table(studies: Sequence[Packed]) -> str:
    """What the documents' tables say of two levels, and what becomes of it."""
    documents = {one.name.removesuffix(DOCUMENT): one for one in studies if DOCUMENT in one.name}
    rows = []
    for study in studies:
        if DOCUMENT in study.name:
            continue
        own = documents.get(study.name, study)
        is_own = any(len(row.done) > 1 for row in rows_of(own)) and DOCUMENT in own.name
        protocol = "the document's" if is_own else "ours"
        for claim, found, outcome in claims(own if is_own else study):
            rows.append(f"| {claim} | {found} | {protocol} | {outcome} |")
    return "\n".join(["| published, of one run each | here | protocol | the claim |", "|---|---|---|---|", *rows])


def findings_table(studies: Sequence[Packed]) -> str:
    """The studies that fit a line, each with what was found."""
    rows = [
        f"| {question(one).partition('?')[0]}? | {'<br>'.join(in_short(one))} | `{shown(one.command)}` |"
        for one in studies
        if one.name in IN_TABLE
    ]
    return "\n".join(["| question | found | command |", "|---|---|---|", *rows])


def in_short(study: Packed) -> list[str]:
    """Its best level by validation beside the next one, and beside that which its experiment begins with.

    Where several settings vary: what is best of all, and what follows it in the report.
    """
    keys = varied(study)
    if len(keys) > 1:
        return [best_of_all(study.sentences[0]), study.sentences[1].partition(" (")[0]]
    (key,) = keys
    runs: dict[str, list[float]] = {level: [] for level in order_of(study, key)}
    usual = next(iter(runs))
    for run in study.results.values():
        runs[run["settings"][key]].append(run["final"]["val_accuracy"])
    best, *others = sorted(runs, key=lambda level: -statistics.fmean(runs[level]))
    told = []
    for other in dict.fromkeys([others[0], usual]):
        if other != best and (compared := compare(study, key, best, other)):
            found, code, _ = compared
            told.append(f"{best} against {other}: {found}: {VERDICTS[code]}")
    return told


def best_of_all(sentence: str) -> str:
    """A report's sentence on the best setting, by the values of the settings alone."""
    if not (match := BEST.match(sentence)):
        return sentence
    which, alike = (re.sub(r"[\w.]+=", "", match[name] or "") for name in ("which", "alike"))
    return f"**{which}**: {match['figure']}, {match['n']}" + (f"; not distinguishable: {alike}" if alike else "")


def figures_kept(studies: Sequence[Packed]) -> str:
    """How many published accuracies one run of the document's own protocol may give, and which it does not."""
    every = [row for one in studies if DOCUMENT in one.name for row in rows_of(one)]
    rows = [row for row in every if row.published and len(row.done) > 1]
    found: dict[tuple[float, ...], list[str]] = {}  # two tables of a document may have a run in common
    for row in rows:
        figures = (row.published["test_accuracy"], *accuracies(row.published, row.done))
        found.setdefault(figures, []).append(f"`{row.label}`")
    aside = [
        f"{' and '.join(labels)} ({percent({'test_accuracy': figure})} %, here {spread(ours)} %)"
        for (figure, *ours), labels in found.items()
        if side(figure, ours)
    ]
    return (
        f"Of the {len(found)} published accuracies that several runs here repeated by the document's own protocol, "
        f"{len(found) - len(aside)} are what one such run may give, and {len(aside)} are not: {', '.join(aside)}."
    )
