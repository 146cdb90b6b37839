"""Figures drawn side by side are the same as those drawn here, and a helper that is lost costs none of them."""

from __future__ import annotations

from functools import partial

import pytest

from lenet_ablate.report.figures import drawing
from lenet_ablate.report.figures.drawing import draw_all, draw_image
from lenet_ablate.report.figures.picture import Draw
from support.figure_studies import picture


def pictures(count: int = 4) -> dict[tuple[str, str], Draw]:
    return {("s", f"n{number}"): partial(picture, float(number)) for number in range(count)}


def test_helpers_draw_the_same_bytes_in_the_same_order(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = draw_all(pictures(), ("svg",))
    monkeypatch.setattr(drawing, "FIGURES_PER_HELPER", 2)
    monkeypatch.setattr(drawing, "_num_cores", lambda: 3)
    # Nothing is drawn here, so that all of it is the helpers' work.
    monkeypatch.setattr(drawing, "_next", lambda waiting, done: done.get(timeout=100))
    together = draw_all(pictures(), ("svg",))
    assert together == alone and list(together) == list(pictures())
    assert [image.title for image in together.values()] == [f"title {number}.0" for number in range(4)]


@pytest.mark.parametrize("command", [("-c", ""), ("-c", "import sys; sys.stdin.buffer.read(9)"), ("no-such-file",)])
def test_a_helper_that_is_lost_costs_no_figure(monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]) -> None:
    monkeypatch.setattr(drawing, "FIGURES_PER_HELPER", 1)
    monkeypatch.setattr(drawing, "_num_cores", lambda: 3)
    monkeypatch.setattr(drawing, "COMMAND", command)
    assert len(draw_all(pictures(2), ("svg",))) == 2


def test_one_that_is_lost_while_it_draws_is_drawn_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "FIGURES_PER_HELPER", 1)
    monkeypatch.setattr(drawing, "_num_cores", lambda: 2)
    # Ready, and gone as soon as it is given a figure.
    code = "import pickle, sys; pickle.dump(None, sys.stdout.buffer); sys.stdout.flush(); sys.stdin.buffer.read(1)"
    monkeypatch.setattr(drawing, "COMMAND", ("-c", code))
    assert len(draw_all(pictures(2), ("svg",))) == 2


def test_a_figure_that_cannot_be_drawn_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StopIteration):
        draw_all({("s", "n"): partial(picture, 1.0, ("nonsense",))}, ("svg",))


def test_the_page_has_its_picture_whatever_files_are_asked_for() -> None:
    plain, printed = (draw_image("n", partial(picture, 1.0), formats) for formats in (("svg",), ("pdf",)))
    assert plain.kept == ("svg",) and set(plain.files) == {"svg"}
    assert printed.kept == ("pdf",) and set(printed.files) == {"svg", "pdf"}
    photograph = draw_image("n", partial(picture, 1.0, ("png",)), ("svg", "pdf"))
    assert photograph.kept == ("png",) and set(photograph.files) == {"png"}


def test_of_a_figure_too_large_the_page_has_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "MAX_SVG", 10)
    image = draw_image("n", partial(picture, 1.0), ("svg",))
    assert set(image.files) == {"svg", "png"} and image.kept == ("svg",)
