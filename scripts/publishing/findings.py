"""The packed studies in words: tables for the front page, and a page with a section for each."""

import itertools
import math
import re
import statistics
from collections.abc import Sequence
from typing import Any

import pandas as pd
from pack import DATA, DOCUMENT, SUFFIX, Packed
from published import claims, compare, mean, one_more, percent, placed, side, spread
from rows import CONF, accuracies, order_of, rows_of, varied

from lenet_ablate.report.analysis.results import Code

QUESTIONS = {
    "published_rate": "Why does the document of `pooling` and `learning_rate` give less than our runs by its protocol: "
    "is it another scale, or a fixed order, of the images?",
    "published_images": "Or was it trained on fewer images than the 60,000 it tells of?",
}
PUBLISHED_RATE = 0.9837  # of the document's run with max pooling and a learning rate of 0.001
VERDICTS = {
    Code.better: "**better**",
    Code.better_maybe_less_than_margin: "**better**, if by little",
    Code.practically_same: "the same",
    Code.identical: "the same",
    Code.not_distinguishable: "not distinguishable",
}
IN_TABLE = ("pooling", "learning_rate", "batch_size", "optimizer_activation", "augmentation")
HEAD = """\
# Findings

The experiments of five published reports on LeNet-5 and MNIST, trained again with more seeds. Made by `scripts/results`
from the runs' own files in `docs/results/data/`, which hold every run's settings, curves and figures; `scripts/results
--train FOLDER` trains them anew.

Test accuracy is that of the last epoch on MNIST's 10,000 test images, mean ± SD over the seeds; 5,000 training images
are set aside for validation. What was published are single runs trained on all 60,000 images; where an epoch was
chosen, the test set chose it. Sentences are the report's own: differences in percentage points with a 95 % interval
each; p-values, and so what is called better or the same, are corrected for the number of pairs and for looking again.
"""


def claims_table(studies: Sequence[Packed]) -> str:
    """What the documents' tables say of two levels, and what becomes of it."""
    rows = [
        f"| {claim} | {found} | {outcome} |"
        for study in studies
        if DOCUMENT not in study.name
        for claim, found, outcome in claims(study)
    ]
    return "\n".join(["| published, of one run each | here | the claim |", "|---|---|---|", *rows])


def findings_table(studies: Sequence[Packed]) -> str:
    """The studies that fit a line, each with what was found."""
    rows = [
        f"| {question(one).partition('?')[0]}? | {'<br>'.join(in_short(one))} | `{shown(one.command)}` |"
        for one in studies
        if one.name in IN_TABLE
    ]
    return "\n".join(["| question | found | command |", "|---|---|---|", *rows])


def in_short(study: Packed) -> list[str]:
    """Its best level beside the next one, and beside that which its experiment begins with and others change.

    Where several settings vary: what is best of all, and what follows it in the report.
    """
    keys = varied(study)
    if len(keys) > 1:
        return study.sentences[:2]
    (key,) = keys
    runs: dict[str, list[float]] = {level: [] for level in order_of(study, key)}
    usual = next(iter(runs))
    for run in study.results.values():
        runs[run["settings"][key]].append(run["final"]["test_accuracy"])
    best, *others = sorted(runs, key=lambda level: -statistics.fmean(runs[level]))
    told = []
    for other in dict.fromkeys([others[0], usual]):
        if other != best and (compared := compare(study, key, best, other)):
            found, code, _ = compared
            told.append(f"{best} against {other}: {found}: {VERDICTS[code]}")
    return told


def findings_page(studies: Sequence[Packed]) -> str:
    """The whole page."""
    documents = {one.name.removesuffix(DOCUMENT): one for one in studies if DOCUMENT in one.name}
    sections = [section(one, documents.get(one.name)) for one in studies if DOCUMENT not in one.name]
    return "\n".join(
        [
            HEAD,
            f"## Claimed and found\n\n{claims_table(studies)}\n\n{figures_kept(studies)}\n",
            *sections,
            tail(studies),
        ]
    )


def section(study: Packed, document: Packed | None) -> str:
    """A study's question, command, figures, what its report says, and the same by the document's own protocol."""
    parts = [f"## {study.name.replace('_', ' ').capitalize()}\n", f"{question(study)}\n"]
    parts += [f"    {shown(study.command)}\n", f"{table(study)}\n"]
    told = explained(study) if study.name in QUESTIONS else study.sentences
    parts += ["".join(f"- {text}\n" for text in told)] if told else []
    if (DATA / f"{study.name}.png").is_file():
        parts.append(f"![The runs of this study, level by level](results/data/{study.name}.png)\n")
    parts.append(
        f"The runs' files, and the page of the report: [{study.name}{SUFFIX}](results/data/{study.name}{SUFFIX}).\n"
    )
    return "\n".join(parts + (protocol(document) if document else []))


def protocol(study: Packed) -> list[str]:
    """As the document trained it: the command, the figures, and where the published ones lie among them."""
    return [
        f"As the document trained it, on all 60,000 images and resized as there. {source(study)}\n",
        f"    {shown(study.command)}\n",
        f"{table(study)}\n",
        "".join(f"- {text}\n" for text in each_beside(study)),
    ]


def each_beside(study: Packed) -> list[str]:
    """Of each published figure, where it lies among ours."""
    return [f"`{row.label}`: {beside(row.published, row.done)}." for row in rows_of(study) if row.published]


def figures_kept(studies: Sequence[Packed]) -> str:
    """How many published accuracies one run of the document's own protocol may give, and which it does not."""
    every = [row for one in studies if DOCUMENT in one.name for row in rows_of(one)]
    rows = [row for row in every if row.published and len(row.done) > 1]
    # Two studies of a document may have a run in common.
    found = {(row.published["test_accuracy"], *accuracies(row.published, row.done)): row for row in rows[::-1]}
    aside = [
        f"`{row.label}` ({percent(row.published)} %, here {spread(accuracies(row.published, row.done))} %)"
        for (figure, *ours), row in reversed(found.items())
        if side(figure, ours)
    ]
    told = (
        f"Of {len(found)} accuracies that the reports publish, {len(found) - len(aside)} are what one run of their own"
    )
    return f"{told} protocol may give. The others are not: {', '.join(aside)}."


def explained(study: Packed) -> list[str]:
    """Whether runs that differ from a document in what it may have done come to what it published."""
    if study.references:
        return [*each_beside(study), "No number of images gives both the accuracies and the losses."]
    found = [run["final"]["test_accuracy"] for run in study.results.values()]
    between = f"{len(found)} runs give {100 * min(found):.2f} to {100 * max(found):.2f} %"
    answer = "it may be one of these" if min(found) <= PUBLISHED_RATE else "it is neither"
    return [f"{between}: {answer}, with {100 * PUBLISHED_RATE:.2f} % published."]


def beside(entry: dict[str, Any], runs: Sequence[dict[str, Any]]) -> str:
    """Where a published figure lies among ours, and its training loss."""
    told = f"the published {percent(entry)} % is {placed(entry['test_accuracy'], accuracies(entry, runs))}"
    losses = [run["final"]["train_loss_running"] for run in runs]
    if (loss := entry.get("train_loss_running")) is None or len(losses) < 2:
        return told
    return f"{told}; its training loss in the last epoch was {loss:.4f}, ours {min(losses):.4f} to {max(losses):.4f}"


def question(study: Packed) -> str:
    """What the study asks: the first sentence of its experiment's file."""
    if study.name in QUESTIONS:
        return QUESTIONS[study.name]
    return "".join(re.findall(r"[^?]*\?", head(study))[:1])


def source(study: Packed) -> str:
    """What the experiment's file says of the published figures, if it does."""
    return "".join(re.findall(r"The reference[^.]*\.", head(study)))


def head(study: Packed) -> str:
    """The comment that its experiment's file begins with, but the command."""
    name = study.name.removesuffix(DOCUMENT)
    lines = (CONF / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    comment = itertools.takewhile(lambda line: line.startswith("# "), lines)
    return " ".join(line.removeprefix("# ") for line in comment if not line.startswith("# lenet-ablate"))


def shown(command: str) -> str:
    """The command as one would type it."""
    return command.replace(" -m ", " ").replace("'experiment=[", "experiment=").replace("]'", "")


def table(study: Packed) -> str:
    """A row per setting: published, ours after the last epoch, at the best one, and between what one run falls.

    A row of runs that differ in more than the seed gives the mean alone: a spread would tell of the settings.
    """
    by_test = DOCUMENT in study.name
    best = "best epoch by test, %" if by_test else "best epoch by validation, %"
    rows = []
    for row in rows_of(study):
        final = [run["final"]["test_accuracy"] for run in row.done]
        low, high = (math.nan, math.nan) if row.is_mixed else one_more(final)
        shown_as = mean if row.is_mixed else spread
        if by_test:
            chosen = [run["best_test_accuracy"] for run in row.done]
        else:
            chosen = [run["best_val"]["test_accuracy"] for run in row.done if run.get("best_val")]
        rows.append(
            {
                "setting": row.label,
                "published, %": percent(row.published) if row.published else "–",
                "last epoch, %": shown_as(final),
                "one run, %": f"{100 * low:.2f} to {100 * high:.2f}" if math.isfinite(low) else "–",
                best: shown_as(chosen),
                "runs": f"{len(row.done)} of {len(row.runs)}",
            }
        )
    wide = pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True)
    return re.sub(r"(?<=\d) (±|to|of) (?=\d)", "\N{NO-BREAK SPACE}\\1\N{NO-BREAK SPACE}", wide)


def tail(studies: Sequence[Packed]) -> str:
    """Where the figures come from."""
    runs = [run for study in studies for run in study.results.values()]
    about = [run["provenance"] for run in runs]
    machines = sorted({f"{one['machine']['logical_cores']} cores of an {one['machine']['processor']}" for one in about})
    engines = sorted({one["engine"] for one in about})
    commits = sorted({one["git"]["commit"][:8] for one in about})
    return (
        f"{len(runs)} runs on {' and '.join(machines)}, engine {' and '.join(engines)}, commit {', '.join(commits)}.\n"
    )
