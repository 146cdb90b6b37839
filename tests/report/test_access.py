"""What two other programs find wrong with the pages: axe-core in a browser, html-validate in Node."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lenet_ablate.report.figures.image import Image
from lenet_ablate.report.page.html import Entry, Overview, render_overview, render_page
from support.browser import CHROMIUM, Tab, browser
from support.report_pages import SVG, report_of, study_of

MODULES = Path(os.environ.get("LENET_ABLATE_PAGE_CHECKERS", Path(__file__).parents[2] / "build/page-checkers"))
AXE, VALIDATE = (
    MODULES / "node_modules" / name for name in ("axe-core/axe.min.js", "html-validate/bin/html-validate.mjs")
)
HOW = "scripts/page-checkers installs it"
NARROW = SVG.replace(b'width="660"', b'width="288"').replace(b"660 300", b"288 300")
# Light and dark on a desk, and on a phone.
VIEWS = ((1280, False), (1280, True), (390, False))


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A page with figures, tables, failures and warnings, and a list of studies."""
    folder = tmp_path_factory.mktemp("pages")
    report = report_of(study_of(seeds=3)).page
    image = Image("n", "Title", "what it shows", "caption", {"svg": SVG}, (6.9, 3.0))
    factors = tuple(dataclasses.replace(factor, images=(image, image)) for factor in report.factors)
    shown = dict.fromkeys(("variants", "interactions", "errors", "checks"), (image,))
    shown["findings"] = (dataclasses.replace(image, narrow=NARROW),)
    front = Overview((Entry("s1", "s1/index.html", "lead", (("lr", ("a sentence",)),)),), images=(image,))
    written = {
        "page": render_page(dataclasses.replace(report, images=shown, factors=factors)),
        "list": render_overview(front),
    }
    for name, content in written.items():
        (folder / f"{name}.html").write_bytes(content)
    return {name: folder / f"{name}.html" for name in written}


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.skipif(not AXE.is_file(), reason=f"needs axe-core: {HOW}")
@pytest.mark.parametrize("name", ["page", "list"])
def test_axe_finds_nothing(pages: dict[str, Path], tab: Tab, name: str) -> None:
    for width, dark in VIEWS:
        tab.open(pages[name], width, dark=dark, phone=width < 500)
        tab.run("document.querySelectorAll('details').forEach(one => one.open = true)")
        tab.run(AXE.read_text(encoding="utf-8") + ";true")
        found = tab.run("axe.run().then(found => JSON.stringify(found.violations.map(v => [v.id, v.nodes[0].html])))")
        assert json.loads(found) == [], (width, dark)


@pytest.mark.skipif(shutil.which("node") is None or not VALIDATE.is_file(), reason=f"needs html-validate: {HOW}")
def test_html_validate_finds_nothing(pages: dict[str, Path]) -> None:
    command = ["node", str(VALIDATE), "--preset", "recommended", *map(str, pages.values())]
    done = subprocess.run(command, cwd=MODULES, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_a_phone_shows_letters_large_enough_to_read(pages: dict[str, Path], tab: Tab) -> None:
    """The page's own are at least 12 pixels high; those of figures 9, since 6.5 points of 1/116 inch are 10.5."""
    tab.open(pages["page"], 390, phone=True)
    tab.run("document.querySelectorAll('details').forEach(one => one.open = true)")
    smallest = tab.run(
        "Math.min(...[...document.querySelectorAll('body *')].filter(one => one.checkVisibility() && one.innerText)"
        ".map(one => parseFloat(getComputedStyle(one).fontSize)))"
    )
    images = "[...document.querySelectorAll('figure img')]"
    inches = "(one.currentSrc == one.src ? one.getAttribute('width') / 116 : one.naturalWidth / 96)"
    resolutions = tab.run(f"{images}.map(one => one.clientWidth / {inches})")
    assert smallest >= 11.5
    assert len(resolutions) > 5 and min(resolutions) * 6.5 / 72 >= 9


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_a_phone_need_not_scroll_the_first_figure(pages: dict[str, Path], tab: Tab) -> None:
    scrolls = "(one => one.scrollWidth > one.clientWidth)(document.querySelector('.picture'))"
    is_narrow = "(one => one.currentSrc != one.src)(document.querySelector('.picture img'))"
    tab.open(pages["page"], 390, phone=True)
    assert (tab.run(is_narrow), tab.run(scrolls)) == (True, False)
    tab.open(pages["page"])
    assert (tab.run(is_narrow), tab.run(scrolls)) == (False, False)


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_what_is_folded_is_printed(pages: dict[str, Path], tab: Tab) -> None:
    tab.open(pages["page"])
    closed = "[...document.querySelectorAll('details td')].filter(one => one.checkVisibility()).length"
    assert tab.run(closed) == 0
    tab.ask("Emulation.setEmulatedMedia", media="print")
    assert tab.run(closed) > 20
    tab.ask("Emulation.setEmulatedMedia", media="")
