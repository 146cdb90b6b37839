"""The site that scripts/docs makes: no dead link, and nothing that axe-core finds wrong, on a desk and on a phone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.browser import CHROMIUM, Tab, browser

ROOT = Path(__file__).parents[1]
SITE = ROOT / "build/site"
MODULES = Path(os.environ.get("LENET_ABLATE_PAGE_CHECKERS", ROOT / "build/page-checkers"))
AXE = MODULES / "node_modules/axe-core/axe.min.js"
# axe-core tells no contrast before a gradient, as which the stylesheet draws a shadow at the edge of what scrolls.
PLAIN = "document.head.insertAdjacentHTML('beforeend', '<style>* { background-image: none !important }</style>');"
VIEWS = ((1280, False), (1280, True), (390, False))


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


def dead_links(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts/dead-links"), str(folder)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize("link", ["gone.html", "there.html#gone", "#gone", "folder/", "%67one.html?x=1"])
def test_a_dead_link_is_found(tmp_path: Path, link: str) -> None:
    (tmp_path / "there.html").write_text('<p id="here">')
    (tmp_path / "folder").mkdir()
    (tmp_path / "page.html").write_text(f'<a href="{link}">')
    done = dead_links(tmp_path)
    assert done.returncode == 1 and f"page.html: {link}" in done.stderr


def test_links_that_lead_somewhere_are_not_dead(tmp_path: Path) -> None:
    (tmp_path / "there page.html").write_text('<p id="here">')
    links = ("there%20page.html#here", "there%20page.html", "https://example.org/gone", "mailto:a@example.org", "?q")
    (tmp_path / "page.html").write_text("".join(f'<a href="{link}">' for link in links))
    assert dead_links(tmp_path).returncode == 0


@pytest.mark.skipif(not SITE.is_dir(), reason="scripts/docs makes the site")
def test_no_link_of_the_site_is_dead() -> None:
    done = dead_links(SITE)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.skipif(not SITE.is_dir(), reason="scripts/docs makes the site")
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.skipif(not AXE.is_file(), reason="needs axe-core: scripts/page-checkers installs it")
def test_axe_finds_nothing_on_the_site(tab: Tab) -> None:
    for page in sorted({*SITE.glob("[A-Z]*.html"), *SITE.glob("docs/*.html"), *SITE.glob("benchmarks/*.html")}):
        for width, dark in VIEWS:
            tab.open(page, width, dark=dark, phone=width < 500)
            tab.run(PLAIN + AXE.read_text(encoding="utf-8") + ";true")
            found = tab.run(
                "axe.run().then(all => JSON.stringify(all.violations.map(one => [one.id, one.nodes[0].html])))"
            )
            assert json.loads(found) == [], (page.name, width, dark)


@pytest.mark.skipif(not SITE.is_dir(), reason="scripts/docs makes the site")
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_figures_of_reports_have_their_narrow_form_on_a_phone_alone(tab: Tab) -> None:
    shown = "document.querySelector('img[src$=\"pooling.png\"]').currentSrc.split('/').pop()"
    for width, name in ((390, "pooling-narrow.svg"), (1280, "pooling.png")):
        tab.open(SITE / "docs/findings.html", width, phone=width < 500)
        assert tab.run(shown) == name


@pytest.mark.skipif(not SITE.is_dir(), reason="scripts/docs makes the site")
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.parametrize("width", [390, 1280, 1366, 1600])
def test_no_page_scrolls_sideways(tab: Tab, width: int) -> None:
    for page in sorted(SITE.glob("docs/*.html")):
        tab.open(page, width, phone=width < 500)
        assert tab.run("document.documentElement.scrollWidth") <= width, page.name
