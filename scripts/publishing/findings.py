"""The packed studies in words: tables for the front page, and a page with a section for each."""

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from pack import DATA, DOCUMENT, Packed
from published import claims, one_more, percent, placed, reference, spread

from lenet_ablate.config.experiments import read_experiment

CONF = Path(__file__).resolve().parents[2] / "conf/experiment"
QUESTIONS = {
    "published_rate": "Why does the document of `pooling` and `learning_rate` give less than our runs by its protocol: "
    "is it another scale, or a fixed order, of the images?"
}
PUBLISHED_RATE = 0.9837  # of the document's run with max pooling and a learning rate of 0.001
IN_TABLE = ("pooling", "learning_rate", "batch_size", "optimizer_activation", "augmentation")
MOST_ROWS = 24  # of a table with a row per combination; a larger grid has a row per level
HEAD = """\
# Findings

The experiments of five published reports on LeNet-5 and MNIST, trained again with more seeds. Made by `scripts/results`
from the runs' own files in `docs/results/data/`, which hold every run's settings, curves and figures; `scripts/results
--train FOLDER` trains them anew.

Test accuracy is that of the last epoch on MNIST's 10,000 test images, mean ± SD over the seeds; 5,000 training images
are set aside for validation. What was published are single runs trained on all 60,000 images; where an epoch was
chosen, the test set chose it. Sentences are the report's own: differences in percentage points, intervals and p-values
corrected for the number of pairs and for looking again.
"""


@dataclass(frozen=True)
class Row:
    """A row of a table of settings: its label, what was published of it, and its runs."""

    label: str
    published: dict[str, Any] | None
    runs: list[dict[str, Any]]

    @property
    def done(self) -> list[dict[str, Any]]:
        """Those that ended well."""
        return [run for run in self.runs if run["status"] == "done"]


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
        f"| {question(one).partition('?')[0]}? | {'<br>'.join(short(text) for text in one.sentences[:2])} "
        f"| `{shown(one.command)}` |"
        for one in studies
        if one.name in IN_TABLE
    ]
    return "\n".join(["| question | found | command |", "|---|---|---|", *rows])


def findings_page(studies: Sequence[Packed]) -> str:
    """The whole page."""
    documents = {one.name.removesuffix(DOCUMENT): one for one in studies if DOCUMENT in one.name}
    sections = [section(one, documents.get(one.name)) for one in studies if DOCUMENT not in one.name]
    return "\n".join([HEAD, f"## Claimed and found\n\n{claims_table(studies)}\n", *sections, tail(studies)])


def section(study: Packed, document: Packed | None) -> str:
    """A study's question, command, figures, what its report says, and the same by the document's own protocol."""
    parts = [f"## {study.name.replace('_', ' ').capitalize()}\n", f"{question(study)}\n"]
    parts += [f"    {shown(study.command)}\n", f"{table(study)}\n"]
    told = [explained(study)] if study.name == "published_rate" else study.sentences
    parts += ["".join(f"- {text}\n" for text in told)] if told else []
    if (DATA / f"{study.name}.png").is_file():
        parts.append(f"![The runs of this study, level by level](results/data/{study.name}.png)\n")
    parts.append(f"The runs' files, and the page of the report: [{study.name}.zip](results/data/{study.name}.zip).\n")
    return "\n".join(parts + (protocol(document) if document else []))


def protocol(study: Packed) -> list[str]:
    """As the document trained it: the command, the figures, and where the published ones lie among them."""
    told = [f"`{row.label}`: {beside(row.published, row.done)}." for row in rows_of(study) if row.published]
    return [
        "As the document trained it, on all 60,000 images and resized as there:\n",
        f"    {shown(study.command)}\n",
        f"{table(study)}\n",
        "".join(f"- {text}\n" for text in told),
    ]


def explained(study: Packed) -> str:
    """Whether runs that differ from a document in what it may have done come to the accuracy that it published."""
    found = [run["final"]["test_accuracy"] for run in study.results.values()]
    between = f"{len(found)} runs give {100 * min(found):.2f} to {100 * max(found):.2f} %"
    answer = "it may be one of these" if min(found) <= PUBLISHED_RATE else "it is neither"
    return f"{between}: {answer}, with {100 * PUBLISHED_RATE:.2f} % published."


def beside(entry: dict[str, Any], runs: Sequence[dict[str, Any]]) -> str:
    """Where a published figure lies among our last epochs, or best ones by test if the document chose by it."""
    ours = [run["best_test_accuracy"] if entry["level"] == "all" else run["final"]["test_accuracy"] for run in runs]
    told = f"the published {percent(entry)} % is {placed(entry['test_accuracy'], ours)}"
    losses = [run["final"]["train_loss_running"] for run in runs]
    if (loss := entry.get("train_loss_running")) is None or len(losses) < 2:
        return told
    return f"{told}; its training loss in the last epoch was {loss:.4f}, ours {min(losses):.4f} to {max(losses):.4f}"


def question(study: Packed) -> str:
    """What the study asks: the head of its experiment's file."""
    if study.name in QUESTIONS:
        return QUESTIONS[study.name]
    lines = (CONF / f"{study.name}.yaml").read_text(encoding="utf-8").splitlines()
    comment = itertools.takewhile(lambda line: line.startswith("# "), lines)
    told = " ".join(line.removeprefix("# ") for line in comment if not line.startswith("# lenet-ablate"))
    return "".join(re.findall(r"[^?]*\?", told)[:1])


def short(sentence: str) -> str:
    """A sentence without what it takes to decide more."""
    return sentence.partition("; differences under")[0].partition(". Telling")[0]


def shown(command: str) -> str:
    """The command as one would type it."""
    return command.replace(" -m ", " ").replace("'experiment=[", "experiment=").replace("]'", "")


def varied(study: Packed) -> list[str]:
    """The settings that differ between its runs, but the seed, in the order of the settings."""
    runs = [run["settings"] for run in study.results.values()]
    keys = [key for key in runs[0] if key != "seed" and len({run.get(key) for run in runs}) > 1]
    return [key for key in keys if key.partition(".")[0] not in keys or "." not in key]


def order_of(study: Packed, key: str) -> list[str]:
    """The levels of a setting, first as the experiment's file has them, then by number or name."""
    name = study.name.removesuffix(DOCUMENT)
    sweeps = read_experiment(name, [CONF.parent]).sweeps if (CONF / f"{name}.yaml").is_file() else ()
    told = list(dict.fromkeys(level for grid in sweeps for level in grid.get(key, ())))
    found = {run["settings"][key] for run in study.results.values()}
    others = sorted(found - set(told), key=lambda level: (not level.isnumeric(), level.zfill(9), level))
    return [*told, *others]


def rows_of(study: Packed) -> list[Row]:
    """A row per combination of what varies, or per level of each where these are many."""
    runs, keys = list(study.results.values()), varied(study)
    ranks = {key: order_of(study, key) for key in keys}
    runs.sort(key=lambda run: [ranks[key].index(run["settings"][key]) for key in keys])
    points = {tuple((key, run["settings"][key]) for key in keys): None for run in runs}
    if len(points) > MOST_ROWS:
        points = {((key, run["settings"][key]),): None for key in keys for run in runs}
    return [
        Row(
            " ".join(f"{key}={level}" for key, level in point) or "all",
            next(filter(None, (reference(study, key, level) for key, level in point or [("variant", "all")])), None),
            [run for run in runs if all(run["settings"][key] == level for key, level in point)],
        )
        for point in points
    ]


def table(study: Packed) -> str:
    """A row per setting: published, ours after the last epoch, at the best one, and between what one run falls."""
    by_test = DOCUMENT in study.name
    best = "best epoch by test, %" if by_test else "best epoch by validation, %"
    rows = []
    for row in rows_of(study):
        final = [run["final"]["test_accuracy"] for run in row.done]
        low, high = one_more(final)
        if by_test:
            chosen = [run["best_test_accuracy"] for run in row.done]
        else:
            chosen = [run["best_val"]["test_accuracy"] for run in row.done if run.get("best_val")]
        rows.append(
            {
                "setting": row.label,
                "published, %": percent(row.published) if row.published else "–",
                "last epoch, %": spread(final),
                "one run, %": f"{100 * low:.2f} to {100 * high:.2f}" if math.isfinite(low) else "–",
                best: spread(chosen),
                "runs": f"{len(row.done)} of {len(row.runs)}",
            }
        )
    return pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True)


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
