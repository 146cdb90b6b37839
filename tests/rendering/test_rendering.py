"""Templates that keep data from acting, and a style that all pages share."""

from __future__ import annotations

import re
from pathlib import Path

import jinja2
import pytest

from lenet_ablate.rendering.escape import no_formula, one_line
from lenet_ablate.rendering.templates import environment, style

PAGES = ("lenet_ablate.report.page", "lenet_ablate.predict.page")
COLOURS = re.compile(r"^ +(--\w+):", re.MULTILINE)
DEFINED = re.compile(r"(?<![\w(-])(--[\w-]+):")
SRC = Path(__file__).parents[2] / "src"


def test_values_are_escaped_and_none_is_forgotten() -> None:
    templates = environment(PAGES[0])
    assert templates.from_string("{{ name }}").render(name="<script>") == "&lt;script&gt;"
    with pytest.raises(jinja2.UndefinedError):
        templates.from_string("{{ name }}").render()


@pytest.mark.parametrize("package", PAGES)
def test_a_page_begins_with_the_shared_style_and_repeats_none_of_it(package: str) -> None:
    shared = (SRC / "lenet_ablate/rendering/base.css").read_text(encoding="utf-8")
    assert style(package).startswith(shared)
    own = style(package).removeprefix(shared)
    assert not set(COLOURS.findall(own)) & set(COLOURS.findall(shared))
    assert set(re.findall(r"var\((--[\w-]+)\)", own)) <= set(DEFINED.findall(own + shared))


def test_text_of_data_does_nothing() -> None:
    assert one_line("a\x1b[2J\nb") == "a [2J b"
    assert [no_formula(text) for text in ("=1+1", "-x", "x", 3)] == ["'=1+1", "'-x", "x", 3]
