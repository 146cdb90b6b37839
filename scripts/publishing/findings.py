"""The packed studies in words: tables for the front page, and a page with a section for each."""

import collections
import re
from collections.abc import Sequence
from typing import Any

import pandas as pd
from archive import DATA, SUFFIX, path_of
from front import claims_table, figures_kept
from pack import DOCUMENT, Packed
from published import ALL, is_told, mean, one_more, percent, placed, side, spread
from questions import QUESTIONS, question, shown, source
from rows import accuracies, copies, rows_of

LOOKED_INTO = ("pooling", "learning_rate")  # by the studies of QUESTIONS
PUBLISHED_RATE = 0.9837  # of the document's run with max pooling and a learning rate of 0.001
HEAD = """\
# Findings

The experiments of the five reports that this program replaces, trained again with more seeds, and some beside them.
Made by `scripts/results` from the runs' own files in `docs/results/data/`: settings, curves and figures of every run,
and the report on them, but no weights. `.venv/bin/python scripts/results --train FOLDER` trains them anew.

- **published**: a single run each, trained on all 60,000 images; where an epoch was chosen, the test set chose it.
- **last epoch**: test accuracy after the last epoch, mean ± SD over the seeds; the mean alone where a row holds several
  settings, of which the report's page has the table.
- **one run**: where one further run of the same settings falls with 95 % (a prediction interval by Student's t); –
  where that would leave 0 to 100 %, or some runs did not train, so that it says nothing.
- **best epoch by validation**: test accuracy at the epoch that was best on images set aside for validation.

Sentences are the report's own: differences of test accuracy in percentage points (pp), paired by seed, with a 95 %
interval each; p-values, and so what is called better or the same, are corrected for the number of pairs and, from the
first look on, for looking again. A run that collapsed ended near chance level. What would usually be missed, and how
many more seeds it takes, is told for 80 % power.
"""


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
    parts = [f"## {title(study.name)}\n", f"{question(study)}\n"]
    parts += [f"    {shown(study.command)}\n", f"{examples(study)}\n", f"{table(study)}\n"]
    if study.name in QUESTIONS:
        told = explained(study)
    else:
        told = [f"Caution: {text[0].lower()}{text[1:]}" for text in study.warnings]
        told += [
            f"{key}={' and '.join(levels)} trained as another level did: other settings count these runs once."
            for key, levels in copies(study).items()
        ]
        told += [re.sub(r": see the table of [a-z ]+", "", text) for text in study.sentences]
    parts += ["".join(f"- {text}\n" for text in told)] if told else []
    if (DATA / f"{study.name}.png").is_file():
        what = "decision boundaries" if "playground" in study.name else "each run, level by level"
        parts.append(f"![{question(study).replace('`', '')} Shown: {what}](results/data/{study.name}.png)\n")
    parts.append(
        f"The runs' files, and the page of the report: [{study.name}{SUFFIX}](results/data/{study.name}{SUFFIX}).\n"
    )
    return "\n".join(parts + (protocol(document) if document else []))


def protocol(study: Packed) -> list[str]:
    """As the document trained it: the command, the figures, and where the published ones lie among them."""
    return [
        f"As the document trained it, on all 60,000 images and resized as there. {source(study)}".rstrip() + "\n",
        f"    {shown(study.command)}\n",
        f"{table(study)}\n",
        "".join(f"- {text}\n" for text in [*each_beside(study), *below(study)]),
        f"The runs' files: [{study.name}{SUFFIX}](results/data/{study.name}{SUFFIX}).\n",
    ]


def below(study: Packed) -> list[str]:
    """Where all of a document's figures lie below ours: that, and whether its networks had learned less."""
    rows = [row for row in rows_of(study) if row.published and len(row.done) > 1]
    low = [row for row in rows if side(row.published["test_accuracy"], accuracies(row.published, row.done)) < 0]
    if not rows or len(low) < len(rows):
        return []
    higher = [
        row
        for row in rows
        if row.published.get("train_loss_running", 0) > max(run["final"]["train_loss_running"] for run in row.done)
    ]
    learned = f" {len(higher)} of their training losses are higher than any of ours: these networks had learned less."
    told = f"So the published accuracies are lower than this protocol gives.{learned if higher else ''}"
    looked = [f"[{title(name)}](#{name.replace('_', '-')})" for name in QUESTIONS if path_of(name).is_file()]
    if study.name.removesuffix(DOCUMENT) in LOOKED_INTO and looked:
        told += f" What was tried to find the reason: {' and '.join(looked)}."
    return [told]


def title(name: str) -> str:
    """A study's name as a heading."""
    return name.replace("_", " ").capitalize()


def examples(study: Packed) -> str:
    """How many examples its runs are trained, validated and tested on, and for how many epochs."""
    runs = study.results.values()
    train, val, test, epochs = (
        " or ".join(f"{number:,}" for number in sorted({run[key] for run in runs}))
        for key in ("num_train", "num_val", "num_test", "epochs_planned")
    )
    rules = {run["settings"]["early_stop"] for run in runs if run["epochs_done"] < run["epochs_planned"]}
    ended = "".join(f", until `early_stop={rule}` ends it, even if it has not begun to learn" for rule in sorted(rules))
    return f"Each run: {epochs} epochs of {train} examples{ended}; {val} for validation, {test} for testing."


def each_beside(study: Packed) -> list[str]:
    """Of each published figure, where it lies among ours."""
    return [f"`{row.label}`: {beside(row.published, row.done)}." for row in rows_of(study) if row.published]


def explained(study: Packed) -> list[str]:
    """Whether runs that differ from a document in what it may have done come to what it published."""
    if study.references:
        return [*each_beside(study), images_that_fit(study)]
    found = [run["final"]["test_accuracy"] for run in study.results.values()]
    between = f"{len(found)} runs give {100 * min(found):.2f} to {100 * max(found):.2f} %"
    answer = "may be" if min(found) <= PUBLISHED_RATE else "neither scale nor order is"
    return [f"{between}: {answer} the reason for the {100 * PUBLISHED_RATE:.2f} % published."]


def images_that_fit(study: Packed) -> str:
    """With how many images every published accuracy, and every training loss, is one that these runs give."""
    is_like: dict[str, list[tuple[bool, bool]]] = {}
    for row in rows_of(study):
        losses = [run["final"]["train_loss_running"] for run in row.done]
        entry, size = row.published, row.runs[0]["settings"]["data.train_size"]
        has_accuracy = not side(entry["test_accuracy"], accuracies(entry, row.done))
        has_loss = min(losses) <= entry["train_loss_running"] <= max(losses)
        is_like.setdefault(size, []).append((has_accuracy, has_loss))
    by_accuracy, by_loss = ([size for size, like in is_like.items() if all(own[k] for own in like)] for k in (0, 1))
    return (
        f"Of {', '.join(is_like)} images, all published accuracies may be one run's with "
        f"{' or '.join(by_accuracy) or 'none'}, all published training losses with {' or '.join(by_loss) or 'none'}."
    )


def beside(entry: dict[str, Any], runs: Sequence[dict[str, Any]]) -> str:
    """Where a published figure lies among ours, and its training loss."""
    told = f"the published {percent(entry)} % is {placed(entry['test_accuracy'], accuracies(entry, runs))}"
    told += ", each at its best epoch by test" if entry["level"] == ALL else ""
    losses = [run["final"]["train_loss_running"] for run in runs]
    if (loss := entry.get("train_loss_running")) is None or len(losses) < 2:
        return told
    return f"{told}; its training loss in the last epoch was {loss:.4f}, ours {min(losses):.4f} to {max(losses):.4f}"


def table(study: Packed) -> str:
    """A row per setting: published, ours after the last epoch, at the best one, and between what one run falls.

    A row of runs that differ in more than the seed gives the mean alone: a spread would tell of the settings. Where
    runs ended early, the epochs are told too.
    """
    is_short = any(run["epochs_done"] < run["epochs_planned"] for run in study.results.values())
    by_test = DOCUMENT in study.name
    best = "best epoch by test, %" if by_test else "best epoch by validation, %"
    rows = []
    for row in rows_of(study):
        final = [run["final"]["test_accuracy"] for run in row.done]
        low, high = one_more(final)
        is_shown = not row.is_mixed and is_told(final)
        epochs = sorted({run["epochs_done"] for run in row.runs})
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
                "one run, %": f"{100 * low:.2f} to {100 * high:.2f}" if is_shown else "–",
                best: shown_as(chosen),
                **({"epochs": " to ".join(map(str, dict.fromkeys([epochs[0], epochs[-1]])))} if is_short else {}),
                "runs": f"{len(row.done)} of {len(row.runs)}",
            }
        )
    wide = pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True)
    return re.sub(r"(?<=\d) (±|to|of) (?=\d)", "\N{NO-BREAK SPACE}\\1\N{NO-BREAK SPACE}", wide)


def tail(studies: Sequence[Packed]) -> str:
    """Where the figures come from."""
    runs = {(study.name, name): run["provenance"] for study in studies for name, run in study.results.items()}
    about = runs.values()
    machines = sorted({f"{one['machine']['logical_cores']} cores of an {one['machine']['processor']}" for one in about})
    engines = collections.Counter(one["engine"] for one in about)
    commits = sorted({one["git"]["commit"][:8] for one in about if one["git"]})
    alike = len(runs) - len({name for _, name in runs})
    by = " and ".join(f"{count} with engine={engine}" for engine, count in engines.items())
    return (
        f"{len(runs)} runs on {' and '.join(machines)}, {by}, of commit {' and '.join(commits) or 'unknown'}; "
        f"{alike} of them are the same as one of another study.\n"
    )
