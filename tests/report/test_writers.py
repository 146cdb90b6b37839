"""One table in three languages: the same cells, the same one in bold, and no text that acts."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from lenet_ablate.config.choices import Pool
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.records.read import RunRecord
from lenet_ablate.records.record import State
from lenet_ablate.records.result import RunResult
from lenet_ablate.report.study.collect import make_study
from lenet_ablate.report.study.study import Study
from lenet_ablate.report.tables.factor import factor_table
from lenet_ablate.report.tables.frames import epoch_table
from lenet_ablate.report.tables.html import html_table
from lenet_ablate.report.tables.latex import latex_document, latex_table, latex_text
from lenet_ablate.report.tables.markdown import markdown_document, terminal_text
from lenet_ablate.report.tables.table import Column, Table
from lenet_ablate.report.tables.variants import epochs_table
from lenet_ablate.report.text.csv import csv_bytes
from lenet_ablate.report.text.rounding import difference_text, interval_text, p_text
from support.report_analysis import simple_analysis
from support.report_runs import plan_of, rows_of

HOSTILE = (
    "<script>alert(1)</script>",
    '=HYPERLINK("x")',
    r"\input{x}",
    r"$\frac{a}$",
    "a & b % c # d _ e { f } g ~ h ^ i \\ j",
    "| pipe ` tick * star [link](x)",
    "x" * 10_000,
    "\x1b[31m\x00\x07\u202e",
    "--- ?` << >> ''",
)


def study_of(seeds: int, epochs: int = 3) -> Study:
    records = []
    for pool in Pool:
        for seed in range(seeds):
            config = RunConfig(pool=pool, seed=seed, epochs=epochs)
            best = 0.95 if pool is Pool.avg else 0.9
            rows = rows_of(config, lambda c, epoch, best=best, s=seed: (0.1 / epoch, best + 0.01 * s + 0.001 * epoch))
            plan = plan_of(config)
            result = RunResult(num_test=10_000)
            records.append(RunRecord(Path("s") / plan.name, State.done, plan.identity, config, tuple(rows), result))
    return make_study(Path("s"), records)


class Cells(HTMLParser):
    """The texts of a table's cells, and those in bold."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.bold: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data
        if "strong" in self.open:
            self.bold.append(data)


def html_cells(table: Table) -> Cells:
    parser = Cells()
    parser.feed(html_table(table).replace("\N{NO-BREAK SPACE}", " "))
    assert not parser.open
    return parser


def markdown_rows(table: Table) -> list[list[str]]:
    lines = [line for line in markdown_document(table).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in (lines[0], *lines[2:])]


def latex_rows(table: Table) -> list[list[str]]:
    lines = [line[:-3] for line in latex_table(table).splitlines() if line.endswith(r" \\")]
    return [line.split(" & ") for line in lines]


@pytest.mark.parametrize("best", [None, "avg"])
def test_every_language_has_the_same_cells_and_bold_is_the_best_alone(best: str | None) -> None:
    study = study_of(3)
    table = factor_table(study, simple_analysis(study, best).factors[0])
    expected = [[column.name for column in table.columns], *map(list, table.body)]
    html = html_cells(table)
    assert html.rows == expected
    bold = [table.rows[row][column] for row, column in table.bold]
    assert html.bold == bold
    assert len(bold) == (0 if best is None else 1)
    unmarked = [[cell.replace("\\[", "[").strip("*") for cell in row] for row in markdown_rows(table)]
    assert unmarked == expected
    assert [cell for row in markdown_rows(table) for cell in row if cell.startswith("**")] == [f"**{b}**" for b in bold]
    tex = [[re.sub(r"\\textbf\{(.*)\}$", r"\1", cell) for cell in row] for row in latex_rows(table)]
    assert tex == [[latex_text(cell) for cell in row] for row in expected]
    assert latex_table(table).count(r"\textbf") == len(bold)


def test_the_best_is_bold_in_the_column_that_is_compared() -> None:
    study = study_of(3)
    table = factor_table(study, simple_analysis(study, "avg").factors[0])
    ((row, column),) = table.bold
    assert table.rows[row][0] == "avg" and table.columns[column].name == "test accuracy, %"


def test_the_differences_are_to_the_highest_mean() -> None:
    study = study_of(3)
    table = factor_table(study, simple_analysis(study).factors[0])
    names = [column.name for column in table.columns]
    by_level = {row[0]: dict(zip(names, row, strict=True)) for row in table.rows}
    assert by_level["avg"]["Δ vs best, pp [CI]"] == "–" and by_level["avg"]["p (corrected)"] == "–"
    assert by_level["max"]["Δ vs best, pp [CI]"].startswith("−5.0")
    assert by_level["max"]["p (corrected)"] == "0.012"
    assert by_level["max"]["runs"] == "3"


def test_with_one_seed_nothing_is_bold_and_nothing_has_a_spread() -> None:
    study = study_of(1)
    table = factor_table(study, simple_analysis(study).factors[0])
    assert not table.bold
    assert not any("±" in cell for row in table.rows for cell in row)
    assert any("Wilson" in note for note in table.notes) and not any("share a letter" in n for n in table.notes)


def test_published_runs_stand_below_with_the_interval_of_their_test_images() -> None:
    study = study_of(3)
    references = pd.DataFrame(
        [("pool", "max", "published, 1 run", 0.9837, 0.013271, 10_000), ("lr", "0.1", "x", 0.5, math.nan, 10_000)],
        columns=["factor", "level", "label", "test_accuracy", "train_loss_running", "n"],
    )
    table = factor_table(study, simple_analysis(study).factors[0], references)
    ((level, runs, loss, val, test, interval, *rest),) = table.references
    # Wilson's interval as the note on statistics gives it for 98.37 %.
    assert (level, runs, loss, val, test) == ("max (published, 1 run)", "1", "0.0133", "–", "98.37")
    assert interval == "98.10 to 98.60" and set(rest) == {"–"}
    assert html_cells(table).rows[-1][0] == level and latex_table(table).count(r"\midrule") == 2


def test_a_terminal_gets_the_columns_that_fit() -> None:
    study = study_of(3)
    table = factor_table(study, simple_analysis(study).factors[0])
    wide, narrow = terminal_text(table, 200), terminal_text(table, 60)
    assert all(column.name in wide for column in table.columns)
    assert max(map(len, narrow.splitlines())) <= 60
    assert "test accuracy" in narrow and "group" in narrow and "val accuracy" not in narrow
    assert not any("\\" in line for line in wide.splitlines())


def test_accuracy_by_epoch_has_rows_for_a_few_epochs_and_the_last() -> None:
    study = study_of(3, epochs=12)
    comparison = simple_analysis(study).factors[0].comparison
    frame = epoch_table(study.epochs, comparison)
    table = epochs_table(study, comparison, frame)
    assert [row[0] for row in table.rows] == ["1", "2", "3", "5", "10", "12"]
    assert [column.name for column in table.columns] == ["epoch", "max", "avg"]
    assert table.rows[-1][1] in ("92.2 ± 1.0", "92.20 ± 1.00")
    assert len(frame) == 24 and set(frame["seeds"]) == {3}
    last = frame[frame["epoch"] == 12].set_index("level")["test_accuracy_mean"]
    assert last["max"] == pytest.approx(study.design.loc[study.design["pool"] == "max", "test_accuracy"].mean())
    short = frame[frame["epoch"] <= 7]
    assert [row[0] for row in epochs_table(study, comparison, short).rows] == [str(epoch) for epoch in range(1, 8)]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_are_shown_and_do_nothing(text: str) -> None:
    table = Table("t", text, text, (Column(text, False), Column("n")), ((text, "1"),), notes=(text,))
    html = html_table(table)
    assert "<script" not in html and html_cells(table).rows[1][1] == "1"
    tex = latex_table(table)
    assert_harmless_latex(tex)
    assert len(markdown_rows(table)) == 2 and len(markdown_rows(table)[1]) == 2
    assert "\x1b" not in html + tex + markdown_document(table) + terminal_text(table)
    assert not csv_bytes(pd.DataFrame({"level": [text]})).splitlines()[1].startswith((b"=", b"+", b"-", b"@"))


COMMANDS = """
belowcaptionskip
begin end caption label centering footnotesize setlength tabcolsep toprule midrule bottomrule textbf medskip parbox
linewidth raggedright textbackslash textasciitilde textasciicircum textless textgreater textbar textasciigrave pm times
surd Delta alpha omega ddagger dagger S rightarrow le ge cdot ldots documentclass usepackage ifdefined pdfpagewidth
paperwidth pdfpageheight paperheight fi oddsidemargin textwidth topmargin textheight pagestyle clearpage
"""


def assert_harmless_latex(tex: str) -> None:
    bare = re.sub(r"\\[&%$#_{}\\,]", "", tex)
    assert set(re.findall(r"\\([a-zA-Z]+)", bare)) <= set(COMMANDS.split())
    assert not re.findall(r"\\[^a-zA-Z]", bare)
    assert bare.count("{") == bare.count("}") and bare.count("$") % 2 == 0
    assert not set("#%~^") & set(re.sub(r"\{\}", "", bare))


def test_the_document_of_all_tables_compiles(tmp_path: Path) -> None:
    study = study_of(3)
    good = factor_table(study, simple_analysis(study, "avg").factors[0])
    bad = [
        Table(f"t{n}", text, text, (Column(text, False), Column("n")), ((text, "1"),)) for n, text in enumerate(HOSTILE)
    ]
    tex = latex_document([good, *bad])
    assert_harmless_latex(tex)
    assert tex.count(r"\usepackage") == 1
    program, finder = shutil.which("pdflatex"), shutil.which("kpsewhich")
    if program is None or finder is None or subprocess.run([finder, "booktabs.sty"], capture_output=True).returncode:
        return
    (tmp_path / "all.tex").write_text(tex, encoding="utf-8")
    command = [program, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]


def test_numbers_have_a_true_minus_and_no_more_digits_than_they_deserve() -> None:
    assert difference_text(-0.0065, -0.0078, 0.0002, 2) == "−0.65 [−0.78, +0.02]"
    assert difference_text(0.0, math.nan, math.nan, 2) == "0.00"
    assert difference_text(math.nan, math.nan, math.nan, 2) == "–"
    assert interval_text(0.98856, 0.99041, 2) == "98.86 to 99.04"
    assert [p_text(p) for p in (0.0409, 0.00049, 0.5, 1.0, 0.0012, math.nan)] == [
        "0.041", "<0.001", "0.50", "1.0", "0.0012", "–",
    ]  # fmt: skip
    assert latex_text("−0.65 ± 1 %") == r"$-$0.65 $\pm$ 1 \%"
