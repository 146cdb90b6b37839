"""What the front page says of the packed studies: what was found, and what became of what was published."""

import re
import statistics
from collections.abc import Sequence

from pack import DOCUMENT, Packed
from published import ALL, claims, compare, is_told, percent, side, spread
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
    legend = (
        "Protocol: the document's trains on all 60,000 images, resized as there; ours on 55,000, with 5,000 for "
        "validation. LeNet-5 is trained for 30 epochs, cnn4 for 5, whose published figures are whole percents."
    )
    head = ["| published, of one run each | here | protocol | the claim |", "|---|---|---|---|"]
    return "\n".join([*head, *rows, "", legend])


def findings_table(studies: Sequence[Packed]) -> str:
    """The studies that fit a line, each with what was found."""
    rows = [
        f"| {question(one).partition('?')[0]}? | {'<br>'.join(in_short(one))} | `{shown(one.command)}` |"
        for one in studies
        if one.name in IN_TABLE
    ]
    return "\n".join(["| question | found | command |", "|---|---|---|", *rows])


def in_short(study: Packed) -> list[str]:
    """The two levels that are best by validation, beside that which the experiment begins with and beside each other.

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
    best, second, *_ = sorted(runs, key=lambda level: -statistics.fmean(runs[level]))
    pairs = [(best, usual), (second, usual), (best, second)]
    if usual in (best, second):
        pairs = [(level, usual) for level in runs if level != usual]
    compared = {pair: compare(study, key, *pair) for pair in pairs}
    return [f"{a} against {b}: {one.words}: {VERDICTS[one.code]}" for (a, b), one in compared.items() if one]


def best_of_all(sentence: str) -> str:
    """A report's sentence on the best setting, by the values of the settings alone."""
    if not (match := BEST.match(sentence)):
        return sentence
    which, alike = (re.sub(r"[\w.]+=", "", match[name] or "") for name in ("which", "alike"))
    ahead = re.search(r"better than each of the \d+ others", sentence, re.IGNORECASE)
    told = f"; not distinguishable: {alike}" if alike else f": {ahead[0].lower()}" if ahead else ""
    return f"**{which}**: {match['figure']}, {match['n']}{told}"


def figures_kept(studies: Sequence[Packed]) -> str:
    """How many published accuracies one run of the document's own protocol may give, and which it does not."""
    found: dict[tuple[float, ...], list[str]] = {}  # two tables of a document may have a run in common
    for study in (one for one in studies if DOCUMENT in one.name):
        for row in (row for row in rows_of(study) if row.published):
            ours = accuracies(row.published, row.done)
            label = study.name.removesuffix(DOCUMENT) if row.published["level"] == ALL else row.label
            if is_told(ours):
                found.setdefault((row.published["test_accuracy"], *ours), []).append(f"`{label}`")
    told: dict[int, list[str]] = {-1: [], 0: [], 1: []}
    for (figure, *ours), labels in found.items():
        here = f"here {spread(ours)} %, n={len(ours)}"
        told[side(figure, ours)].append(f"{' and '.join(labels)} ({percent({'test_accuracy': figure})} %, {here})")
    parts = [
        f"{len(told[which])} {what}: {', '.join(told[which])}"
        for which, what in ((-1, "are lower"), (1, "are higher"), (0, "are what one run may give"))
        if told[which]
    ]
    return (
        f"Of {len(found)} published accuracies that several runs here repeated by the document's own protocol, "
        f"{'; '.join(parts)}."
    )
