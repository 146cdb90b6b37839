"""The packed studies in words: a table for the front page, and a page with a section for each."""

import io
import itertools
import math
import re
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from pack import DATA, Packed

CONF = Path(__file__).resolve().parents[2] / "conf/experiment"
QUESTIONS = {
    "batch_size": "What does the batch size do to LeNet-5? Ten seeds of 30 epochs at a learning rate of 0.001."
}
DOCUMENT = "_document"
IN_TABLE = ("pooling", "learning_rate", "batch_size", "optimizer_activation", "augmentation")
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


def findings_table(studies: Sequence[Packed]) -> str:
    """The studies that fit a line, each with what was found."""
    rows = [
        f"| {question(one).partition('?')[0]}? | {'<br>'.join(short(text) for text in sentences(one)[:2])} "
        f"| `{shown(one.plan['command'])}` |"
        for one in studies
        if one.name in IN_TABLE
    ]
    return "\n".join(["| question | found | command |", "|---|---|---|", *rows])


def findings_page(studies: Sequence[Packed]) -> str:
    """The whole page."""
    return "\n".join([HEAD, *map(section, studies), tail(studies)])


def section(study: Packed) -> str:
    """A study's question, command, figures, and what its report says."""
    parts = [f"## {study.name.replace('_', ' ')}\n", f"{question(study)}\n", f"    {shown(study.plan['command'])}\n"]
    parts += [f"{table(study)}\n"]
    parts += ["".join(f"- {text}\n" for text in sentences(study))] if sentences(study) else []
    if (DATA / f"{study.name}.png").is_file():
        parts.append(f"![Test accuracy by level: each seed, mean and 95 % interval](results/data/{study.name}.png)\n")
    return "\n".join(parts)


def question(study: Packed) -> str:
    """What the study asks: the head of its experiment's file."""
    name = study.name.removesuffix(DOCUMENT)
    if name in QUESTIONS:
        return QUESTIONS[name]
    lines = (CONF / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    comment = itertools.takewhile(lambda line: line.startswith("# "), lines)
    told = " ".join(line.removeprefix("# ") for line in comment if not line.startswith("# lenet-ablate"))
    asked = "".join(re.findall(r"[^?]*\?", told)[:1])
    as_they = (
        " As the document trained it: all 60,000 images, tested after each epoch." if DOCUMENT in study.name else ""
    )
    return f"{asked}{as_they}"


def sentences(study: Packed) -> list[str]:
    """The report's sentences on each setting that varies."""
    return [entry["sentence"] for verdicts in study.summary.get("verdicts", {}).values() for entry in verdicts]


def short(sentence: str) -> str:
    """A sentence without what it takes to decide more."""
    return sentence.partition("; differences under")[0].partition(". Telling")[0]


def shown(command: str) -> str:
    """The command as one would type it."""
    return command.replace(" -m ", " ").replace("'experiment=[", "experiment=").replace("]'", "")


def table(study: Packed) -> str:
    """A row per level of each factor, or one for a study in which nothing varies."""
    head = ("setting", "published, %", "last epoch, %", "95 % CI", "best epoch by validation, %", "runs")
    rows = list(_rows(study)) or [_row("all", published(study, "variant", "all"), list(study.results.values()), "–")]
    return pd.DataFrame(rows, columns=head).to_markdown(index=False, disable_numparse=True)


def _rows(study: Packed) -> Iterator[list[str]]:
    levels = pd.read_csv(io.StringIO(study.levels)) if study.levels else pd.DataFrame()
    for level in levels.itertuples():
        runs = [run for run in study.results.values() if named(run["settings"], level.factor) == str(level.level)]
        interval = f"{100 * level.ci_low:.2f} to {100 * level.ci_high:.2f}" if math.isfinite(level.ci_low) else "–"
        name = f"{level.factor}={level.level}"
        told = published(study, str(level.factor), str(level.level))
        figure = f"{100 * level.mean:.2f}" + (f" ± {100 * level.sd:.2f}" if math.isfinite(level.sd) else "")
        best = spread([run["best_val"]["test_accuracy"] for run in runs if run.get("best_val")])
        yield [name, told, figure, interval, best, f"{level.n_used} of {level.n_planned}"]


def named(settings: dict[str, Any], key: str) -> str:
    """A setting as the report calls it: a group, and a schedule, by its name."""
    value = settings.get(key)
    return str(value["name"] if isinstance(value, dict) else value)


def _row(name: str, told: str, runs: list[dict[str, Any]], interval: str) -> list[str]:
    final = spread([run["final"]["test_accuracy"] for run in runs if run["status"] == "done"])
    best = spread([run["best_val"]["test_accuracy"] for run in runs if run.get("best_val")])
    return [name, told, final, interval, best, str(len(runs))]


def published(study: Packed, factor: str, level: str) -> str:
    """The published accuracies of a level, in percent."""
    found = [
        f"{100 * entry['test_accuracy']:.2f}"
        for entry in study.plan["references"]
        if entry["factor"] == factor and str(entry["level"]) == level
    ]
    return ", ".join(found) or "–"


def spread(accuracies: Sequence[float]) -> str:
    """Mean ± SD in percent."""
    if not accuracies:
        return "–"
    deviation = f" ± {100 * statistics.stdev(accuracies):.2f}" if len(accuracies) > 1 else ""
    return f"{100 * statistics.fmean(accuracies):.2f}{deviation}"


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
