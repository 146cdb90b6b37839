"""The page on which one draws, in a browser: mouse, fingers, keys and files, and nothing to complain about."""

from __future__ import annotations

import base64
import io
import os
import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from lenet_ablate.config.settings import DataConfig
from lenet_ablate.predict.page.build import build_page
from lenet_ablate.predict.pictures import load_picture
from lenet_ablate.predict.predictor import Predictor
from support.browser import CHROMIUM, Tab, browser
from support.drawings import drawn, strokes
from support.trained_runs import HOSTILE, write_predictor, write_run

MNIST = DataConfig()

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")


def draw(tab: Tab, digit: int, left: float = 0.15, width: float = 0.7) -> None:
    """Draw a digit with the mouse into a part of the board."""
    frame = tab.run("(({left, top, width, height}) => [left, top, width, height])(board.getBoundingClientRect())")
    for stroke in strokes(digit):
        tab.stroke([(frame[0] + frame[2] * (left + width * x), frame[1] + frame[3] * y) for x, y in stroke])


def text_of(tab: Tab, name: str) -> str:
    text: str = tab.run(f"document.getElementById('{name}').textContent")
    return text


def seen_by(tab: Tab) -> npt.NDArray[np.int64]:
    """The image (S, S) that the page says the network sees."""
    url = tab.run("seen.toDataURL()")
    with Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) as image:
        return np.asarray(image.convert("L")).astype(int)


def test_a_browser_reads_what_is_drawn(tmp_path: Path) -> None:
    predictor = Predictor.load(write_run(tmp_path / HOSTILE, data=MNIST, calibration=None))
    (tmp_path / "page.html").write_bytes(build_page(predictor))
    with browser(tmp_path / "profile") as tab:
        for width, height, dark, phone in ((390, 844, True, True), (1280, 900, False, False)):
            tab.open(tmp_path / "page.html", width, height, dark, phone)
            assert tab.run("document.documentElement.scrollWidth") <= width
        assert HOSTILE in text_of(tab, "run") and "too high" in text_of(tab, "calibration")
        assert text_of(tab, "sentence") == "draw a digit" and text_of(tab, "spoken") == ""
        draw(tab, 7)
        one = text_of(tab, "spoken")
        assert re.fullmatch(r"\d, probability .*%, (sure|not sure; .*)", one)
        assert tab.run("[...document.querySelectorAll('#bars tr')].filter(row => row.className).length") == 1
        assert tab.run("document.querySelectorAll('#maps canvas').length") == 6 + 16
        assert seen_by(tab).shape == (32, 32) and seen_by(tab).max() == 255
        tab.press("Escape", 27)
        assert text_of(tab, "sentence") == "draw a digit"
        tab.press("z", 90, control=True)
        assert text_of(tab, "spoken") == one
        tab.run("document.getElementById('undo').click()")
        tab.settle()
        assert text_of(tab, "sentence") == "draw a digit"
        for left in (-0.155, 0.55):  # the first at the edge of the board
            draw(tab, 1, left, 0.4)
        assert text_of(tab, "spoken").startswith("2 digits from left to right: ")
        tab.run("document.querySelectorAll('#row button')[1].click()")
        tab.settle()
        assert text_of(tab, "sentence").startswith("digit 2 of 2: ")
        assert set(tab.requests) == {(tmp_path / "page.html").as_uri()} and tab.complaints == []


def test_a_browser_reads_picture_files_as_the_command_does(tmp_path: Path) -> None:
    predictor = write_predictor(tmp_path, data=MNIST)
    (tmp_path / "page.html").write_bytes(build_page(predictor))
    turned, exif = drawn(640, 90, 40, 220), Image.Exif()
    exif[0x0112] = 6
    turned.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=exif)
    turned.resize((2100, 1700)).save(tmp_path / "large.png")
    (tmp_path / "notes.png").write_text("no picture")
    with browser(tmp_path / "profile") as tab:
        tab.open(tmp_path / "page.html")
        tab.choose_file("#file", tmp_path / "notes.png")
        assert "notes.png: is not a picture" in tab.wait_for("message.textContent")
        for name in ("turned.png", "large.png"):
            tab.run("clear.click()")
            tab.settle()
            tab.choose_file("#file", tmp_path / name)
            (expected,) = predictor.read(load_picture(tmp_path / name))
            tab.wait_for("spoken.textContent")
            assert expected.image is not None
            assert np.abs(seen_by(tab) - expected.image.astype(int)).max() <= 1
            assert text_of(tab, "headline") == f"{expected.digit}"
            assert text_of(tab, "message") == ""
        assert set(tab.requests) == {(tmp_path / "page.html").as_uri()} and tab.complaints == []


def test_fingers_draw_and_pictures_are_dropped_and_pasted(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_bytes(build_page(write_predictor(tmp_path, data=MNIST)))
    packed = io.BytesIO()
    drawn(200, 110, copies=2).save(packed, "PNG")
    bring = (
        "(async (kind, Event, name) => { const all = new DataTransfer(); if (name) all.items.add(new File("
        f"[Uint8Array.from(atob('{base64.b64encode(packed.getvalue()).decode()}'), c => c.charCodeAt(0))], name));"
        " document.dispatchEvent(new Event(kind, { dataTransfer: all, clipboardData: all, cancelable: true })); })"
    )
    with browser(tmp_path / "profile") as tab:
        tab.open(tmp_path / "page.html", 390, 844, phone=True)
        for kind in ("drop", "paste"):
            event = "DragEvent" if kind == "drop" else "ClipboardEvent"
            tab.run(f"{bring}('{kind}', {event}, '')")
            assert "no picture" in text_of(tab, "message")
            tab.run(f"{bring}('{kind}', {event}, 'two.png')")
            assert tab.wait_for("spoken.textContent").startswith("2 digits") and text_of(tab, "message") == ""
            tab.press("Escape", 27)
            assert text_of(tab, "spoken") == ""
        x, y = tab.run("(({left, top}) => [left, top])(board.getBoundingClientRect())")
        for kind, shift in (("touchStart", 0), ("touchMove", 40), ("touchMove", 90), ("touchEnd", None)):
            points = [] if shift is None else [{"x": x + 150, "y": y + 60 + shift}]
            tab.ask("Input.dispatchTouchEvent", type=kind, touchPoints=points)
        assert ", probability " in tab.wait_for("spoken.textContent")
        assert tab.run("scrollY") == 0 and tab.complaints == []


@pytest.mark.skipif("LENET_ABLATE_RUN" not in os.environ, reason="set LENET_ABLATE_RUN to a run trained on MNIST")
@pytest.mark.parametrize("phone", [False, True])
def test_ten_digits_drawn_by_hand_are_read(phone: bool, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_bytes(build_page(Predictor.load(Path(os.environ["LENET_ABLATE_RUN"]))))
    read = []
    with browser(tmp_path / "profile") as tab:
        tab.open(tmp_path / "page.html", *((390, 844, True, True) if phone else (1280, 900)))
        for digit in range(10):
            draw(tab, digit)
            read.append(text_of(tab, "headline").rstrip("?"))
            tab.press("Delete", 46)
        assert read == [str(digit) for digit in range(10)] and tab.complaints == []
