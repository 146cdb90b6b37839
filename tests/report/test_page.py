"""The page: valid, alone, harmless, the same every time; and a browser's opinion where there is one."""

from __future__ import annotations

import base64
import dataclasses
import io
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import PIL.Image
import pytest
from matplotlib.figure import Figure

from lenet_ablate.config.settings import RunConfig
from lenet_ablate.records.plans import SweepPlan
from lenet_ablate.records.result import RunResult, parse_result
from lenet_ablate.report.analysis.results import Verdict
from lenet_ablate.report.assemble import assemble
from lenet_ablate.report.figures.image import Image, few_colours
from lenet_ablate.report.figures.style import figure_files
from lenet_ablate.report.page.html import MAX_BYTES, Entry, Overview, render_overview, render_page
from lenet_ablate.report.page.placement import section_of
from lenet_ablate.report.study.collect import make_study
from lenet_ablate.report.study.provenance import Provenance, find_provenance
from lenet_ablate.report.study.study import Study
from support.report_analysis import simple_analysis
from support.report_pages import SVG, findings, record_of, report_of, study_of

VOID = {"meta", "img", "br", "hr", "link", "input"}
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


def page_of(study: Study) -> str:
    report = report_of(study)
    images = {"factor:pool": (Image("loss_pool", "title", f"alt {HOSTILE}", HOSTILE, {"svg": SVG}, (6.9, 3.0)),)}
    return render_page(dataclasses.replace(report.page, images=images)).decode()


class Outline(HTMLParser):
    """Checks nesting as it reads, and keeps what matters."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.ids: list[str] = []
        self.headings: list[int] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert not self.stack

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        assert len(found) == len(attrs), f"an attribute twice in {tag}"
        self.tags.append((tag, found))
        self.ids += [str(found["id"])] if "id" in found else []
        self.headings += [int(tag[1])] if re.fullmatch("h[1-6]", tag) else []
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.stack:
            self.text += data


def test_the_page_is_whole_and_loads_nothing() -> None:
    text = page_of(study_of())
    page = Outline(text)
    assert text.startswith("<!DOCTYPE html>\n")
    assert len(page.ids) == len(set(page.ids))
    assert page.headings[0] == 1 and page.headings.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(page.headings, page.headings[1:], strict=False))
    assert [tag for tag, _ in page.tags if tag in ("script", "link", "iframe", "object", "form", "base")] == []
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert ("meta", {"http-equiv": "Content-Security-Policy", "content": policy}) in page.tags
    assert dict(page.tags)["html"] == {"lang": "en"}
    for tag, attrs in page.tags:
        for name in ("src", "href"):
            assert name not in attrs or str(attrs[name]).startswith(("data:", "#")), (tag, attrs)
        assert tag != "img" or attrs["alt"]
        assert tag != "th" or attrs["scope"] in ("row", "col")
    assert page.tags.count(("table", {})) + sum(tag == "table" for tag, _ in page.tags) >= 4
    anchors = {str(attrs["href"])[1:] for tag, attrs in page.tags if tag == "a" and str(attrs["href"]).startswith("#")}
    assert anchors <= set(page.ids)
    assert "url(" not in text and "@import" not in text


def test_every_table_stands_in_a_box_that_can_be_scrolled_and_its_notes_beside_it() -> None:
    text = page_of(study_of())
    boxes = re.findall(r'<section class="table" tabindex="0" aria-label="([^"]+)">(.*?)</section>', text, re.S)
    assert len(boxes) == text.count("<table") >= 4
    assert all(inner.count("<table") == 1 and '<ul class="notes">' not in inner for _, inner in boxes)
    assert len({label for label, _ in boxes}) > 2
    assert "<section" not in report_of(study_of()).files["tables/pool.html"].decode()


def test_a_figure_has_one_caption_beside_it() -> None:
    page = report_of(study_of()).page
    images = tuple(Image(f"n{n}", "Title", "alt", caption, {"svg": SVG}, (5, 3)) for n, caption in enumerate("x "))
    text = render_page(dataclasses.replace(page, images={"factor:pool": images, "findings": images[:1]})).decode()
    assert text.count("<figcaption>x</figcaption>") == 1


def test_the_page_says_what_was_found_and_where_it_comes_from() -> None:
    page = Outline(page_of(study_of()))
    for expected in (
        "max is better than avg.",
        "7 of 8",
        "One thing to mind.",
        "Run more seeds.",
        "One is left out.",
        "failed: it broke",
        "55,000 images for training, 5,000 for validation, 10,000 for testing",
        "lenet-ablate -m pool=max,avg",
        "lenet-ablate pool=avg lr=0.01 epochs=2 study=s1 seed=0,1",
        "d" * 64,
        f"{'c' * 40} with local changes",
        "lenet-ablate 9.9, python 3.11, numpy 2.0",
        "LeCun et al. 1998",
        "2026-01-02",
    ):
        assert expected in page.text, expected


def test_hostile_names_are_text() -> None:
    study = study_of(HOSTILE, error=f"{HOSTILE} {'x' * 10_000}")
    analysis = simple_analysis(study, sentence=f"{HOSTILE} {{a}} {{b}}")
    report = report_of(study, dataclasses.replace(analysis, warnings=(HOSTILE,)))
    text = report.files["index.html"].decode()
    page = Outline(text)
    assert [tag for tag, attrs in page.tags if tag == "script" or "onerror" in attrs] == []
    assert page.text.count(HOSTILE) >= 4 and len(text) < 300_000
    front = Overview((Entry(HOSTILE, "x/index.html", HOSTILE, ((HOSTILE, (HOSTILE,)),)),), HOSTILE, HOSTILE, (HOSTILE,))
    assert Outline(render_overview(front).decode()).text.count(HOSTILE) >= 5


def test_equal_studies_give_equal_bytes() -> None:
    one, other = report_of(study_of()).files, report_of(study_of()).files
    assert one == other


def test_csv_files_can_be_taken_from_the_page() -> None:
    report = report_of(study_of())
    links = dict(
        re.findall(r'<a download="([a-z.]+)" href="data:text/csv;base64,([^"]+)"', report.files["index.html"].decode())
    )
    assert {name: base64.b64decode(data) for name, data in links.items()} == {
        name: report.files[name] for name in ("runs.csv", "epochs.csv", "summary.csv", "pairs.csv")
    }


def test_a_page_too_large_takes_the_smaller_files() -> None:
    report = report_of(study_of())
    tiny = io.BytesIO()
    PIL.Image.new("RGB", (2, 2)).save(tiny, "png")
    large, small = b"<svg" + b"x" * 190_000, tiny.getvalue()
    images = tuple(Image(f"n{n}", "title", "alt", "caption", {"svg": large, "png": small}, (5, 3)) for n in range(20))
    few, many = (
        render_page(dataclasses.replace(report.page, images={"variants": shown})) for shown in (images[:2], images)
    )
    assert few.count(b"image/svg+xml;") == 2
    assert many.count(b"image/svg+xml;") == 0 and many.count(b"image/png;") == 20 and len(many) < MAX_BYTES


def test_pictures_in_their_smallest_form_look_almost_the_same() -> None:
    figure = Figure(figsize=(5, 3))
    axes = figure.subplots()
    for place in range(8):
        axes.plot(np.arange(50), np.sin(np.arange(50) / (place + 1)))
    files = figure_files(figure, ("png",))
    few = few_colours(files["png"])
    assert len(few) < 0.7 * len(files["png"])
    before, after = (
        np.asarray(PIL.Image.open(io.BytesIO(png)).convert("RGB"), dtype=float) for png in (files["png"], few)
    )
    assert before.shape == after.shape
    assert np.abs(before - after).mean() < 2
    assert few_colours(files["png"]) == few == few_colours(few)


def test_one_variant_has_no_factor_and_no_empty_section() -> None:
    study = make_study(Path("s"), [record_of(RunConfig(epochs=2))])
    report = report_of(study)
    page = Outline(report.files["index.html"].decode())
    assert "there is nothing to compare it with" in page.text
    assert set(findings(study).tables) == {"variants"} and not {"interactions", "errors"} & set(page.ids)


def test_failures_stand_before_the_answer_on_each_setting() -> None:
    study = study_of()
    analysis = simple_analysis(study)
    (pool, lr), failed = (
        analysis.factors,
        Verdict(type(analysis.factors[0].verdicts[0].code).failures, "It failed.", ()),
    )
    more = dataclasses.replace(pool, verdicts=(failed, *pool.verdicts))
    text = Outline(
        report_of(study, dataclasses.replace(analysis, factors=(more, lr))).files["index.html"].decode()
    ).text
    assert text.count("It failed.") == 1 and text.count(pool.verdicts[0].sentence) == 1
    assert text.index("It failed.") < text.index(pool.verdicts[0].sentence)


def test_an_effect_that_depends_on_another_setting_is_shown_at_each_of_its_levels() -> None:
    study = study_of()
    analysis = simple_analysis(study)
    pool, lr = analysis.factors
    effects = pd.concat([pool.pairs.assign(within=f"lr={label}") for label in ("0.01", "0.1")], ignore_index=True)
    files = report_of(
        study, dataclasses.replace(analysis, factors=(dataclasses.replace(pool, simple_effects=effects), lr))
    ).files
    page = Outline(files["index.html"].decode())
    assert "Simple effects of pooling" in page.text and "max − avg" in page.text
    assert b"within" in files["tables/pool_simple.csv"] and b"lr=0.01" in files["tables/pool_simple.md"]
    assert "tables/lr_simple.csv" not in files


def test_every_figure_has_its_place() -> None:
    keys = ["lr", "pool"]
    assert section_of("loss_lr", keys) == section_of("differences_lr", keys) == "factor:lr"
    assert section_of("loss_variants_2", keys) == "variants" and section_of("heatmap_lr_pool", keys) == "interactions"
    assert section_of("loss_pool-max_lr-0.1", keys) == "" and section_of("wrong_always", keys) == "errors"


def test_a_study_without_records_of_origin_still_has_a_page() -> None:
    study = dataclasses.replace(study_of(), results={})
    assert find_provenance(study, []) == Provenance()
    Outline(assemble(findings(study), Provenance()).files["index.html"].decode())


def test_origins_that_say_little_leave_out_what_they_do_not_say() -> None:
    study = dataclasses.replace(study_of(), results={"a": RunResult(), "b": parse_result({"provenance": {"git": {}}})})
    assert find_provenance(study, [SweepPlan("2026")]) == Provenance(newest="2026")


CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)


def browse(page: Path, tmp_path: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    assert CHROMIUM is not None
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        f"--user-data-dir={tmp_path}/me",
    ]
    more = ["--enable-logging=stderr", "--v=0", *flags, page.as_uri()]
    return subprocess.run([*command, *more], capture_output=True, text=True, timeout=60)


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_shows_it_without_complaint_and_without_scrolling_sideways(width: int, tmp_path: Path) -> None:
    """The page runs no scripts, so another one with a frame of this width asks it how wide it is."""
    study = study_of("a-name-that-is-long-" * 10)
    analysis = simple_analysis(study, sentence="x" * 400)
    inner = report_of(study, analysis).page
    images = {"factor:pool": (Image("loss_pool", "title", "alt", "caption", {"svg": SVG}, (6.9, 3.0)),)}
    (tmp_path / "page.html").write_bytes(render_page(dataclasses.replace(inner, images=images)))
    outer = tmp_path / "outer.html"
    outer.write_text(
        f"<!doctype html><body><iframe id=f src=page.html width={width} height=900></iframe><script>onload = () => "
        "{ const d = document.getElementById('f').contentDocument.documentElement;"
        " document.body.dataset.wide = d.scrollWidth;"
        " document.body.dataset.tables = d.querySelectorAll('table').length }"
        "</script>",
        encoding="utf-8",
    )
    done = browse(outer, tmp_path, "--allow-file-access-from-files", "--virtual-time-budget=2000", "--dump-dom")
    measured = re.search(r'data-wide="(\d+)" data-tables="(\d+)"', done.stdout)
    assert measured, done.stdout[:500] + done.stderr[-2000:]
    assert int(measured[1]) <= width and int(measured[2]) >= 6
    assert "CONSOLE" not in done.stderr, done.stderr
