"""The page on which one draws: it computes what the command computes, and a browser has nothing to complain about."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw, ImageFilter

from browser import CHROMIUM, Tab, browser
from lenet_ablate.choices import C5, Activation, DataSet, Model, OutputActivation, Pool, Resize
from lenet_ablate.config import DataConfig, ModelConfig
from lenet_ablate.datasets.digits import load_digits
from lenet_ablate.datasets.fit import fit
from lenet_ablate.engines.forward import forward
from lenet_ablate.errors import PageError
from lenet_ablate.predict.load import from_array, load_picture
from lenet_ablate.predict.main import main
from lenet_ablate.predict.page.build import MAX_BYTES, build_page
from lenet_ablate.predict.page.script import joined_script
from lenet_ablate.predict.predictor import Predictor, load_predictor
from test_predict_main import ALWAYS_SURE, NEVER_SURE, write_run

NODE = shutil.which("node")
NODE_SIDE = Path(__file__).with_name("page_in_node.mjs")
SOURCES = Path(__file__).parents[1] / "src/lenet_ablate/predict/page"
HOSTILE = "<script>alert(1)<img src=x onerror=alert(2)><!-- {{ 1 }} &lt;"
MNIST = DataConfig()

needs_node = pytest.mark.skipif(NODE is None, reason="needs Node")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
Pixels = npt.NDArray[np.uint8]


class Parts(HTMLParser):
    """The content of the page's elements that hold text of their own, and the attributes of all."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.text: dict[str, list[str]] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open = ""
        self.feed(page.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open = tag

    def handle_endtag(self, tag: str) -> None:
        self.open = ""

    def handle_data(self, data: str) -> None:
        self.text.setdefault(self.open, []).append(data)


def model_of(page: bytes) -> dict[str, Any]:
    """What the page's script is told of the run."""
    content: dict[str, Any] = json.loads(Parts(page).text["script"][0])
    return content


def write_predictor(folder: Path, **changes: Any) -> Predictor:
    return load_predictor(write_run(folder / "ablation", **changes))


def packed(pixels: Pixels) -> dict[str, Any]:
    return {
        "height": pixels.shape[0],
        "width": pixels.shape[1],
        "data": base64.b64encode(np.ascontiguousarray(pixels).tobytes()).decode(),
    }


def unpacked(answer: dict[str, Any]) -> Pixels:
    seen = np.frombuffer(base64.b64decode(answer["image"]), np.uint8)
    return seen.reshape(int(seen.size**0.5), -1)


def ask_node(
    predictor: Predictor, folder: Path, pictures: list[Pixels] | None = None, images: Pixels | None = None
) -> dict[str, Any]:
    """What the page's own script says of pictures (H, W, 4) and of images (N, S, S) in the data set's form."""
    assert NODE is not None
    page = build_page(predictor)
    script = folder / "script.mjs"
    exports = "withWeights, read, prepare, predict, makeGrid"
    script.write_text(f"{Parts(page).text['script'][1]}\nexport {{ {exports} }};\n", encoding="utf-8")
    question = {
        "model": model_of(page),
        "pictures": [packed(picture) for picture in pictures or []],
        "images": [packed(image) for image in (images if images is not None else [])],
    }
    done = subprocess.run([NODE, NODE_SIDE, script], input=json.dumps(question), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answers: dict[str, Any] = json.loads(done.stdout)
    return answers


NETWORKS = {
    "max, relu": {},
    "avg, tanh, c5 as a convolution": {
        "pool": Pool.avg,
        "activation": Activation.tanh,
        "model": ModelConfig(c5=C5.conv),
    },
    "sigmoid, relu at the end": {
        "activation": Activation.sigmoid,
        "model": ModelConfig(output_activation=OutputActivation.relu),
    },
    "28×28": {"model": ModelConfig(Model.lenet5_28), "pool": Pool.avg},
    "MNIST's form, resized": {"data": dataclasses.replace(MNIST, resize=Resize.bilinear)},
    "fully connected": {"model": ModelConfig(Model.mlp, c5=None, hidden=(30, 20)), "activation": Activation.sigmoid},
    "nothing hidden": {"model": ModelConfig(Model.mlp, c5=None, hidden=()), "data": MNIST},
}


@needs_node
@pytest.mark.parametrize("changes", list(NETWORKS.values()), ids=list(NETWORKS))
def test_logits_and_maps_are_those_of_the_forward_pass(changes: dict[str, Any], tmp_path: Path) -> None:
    predictor = write_predictor(tmp_path, **changes)
    network, config = predictor.members[0].network, predictor.members[0].config
    digits = load_digits().test_images[:200].astype(np.uint8)
    images = digits if predictor.form.size == 8 else fit(digits, predictor.form.size)
    answers = ask_node(predictor, tmp_path, images=images)["images"]
    fitted = fit(images, network.image_size, config.data.resize)
    expected = forward(network, fitted, with_maps=True)
    assert len(answers) == 200
    np.testing.assert_allclose([answer["logits"] for answer in answers], expected.logits, rtol=0, atol=1e-4)
    np.testing.assert_array_equal([unpacked(answer) for answer in answers], fitted)
    assert set(answers[0]["maps"]) == set(expected.maps)
    for name, maps in expected.maps.items():
        found = [np.reshape(answer["maps"][name]["data"], answer["maps"][name]["shape"]) for answer in answers[:20]]
        np.testing.assert_allclose(found, maps[:20], rtol=0, atol=1e-4)


@needs_node
@pytest.mark.parametrize("calibration", [ALWAYS_SURE, NEVER_SURE, None])
def test_probabilities_and_verdicts_are_those_of_the_command(calibration: Any, tmp_path: Path) -> None:
    warmer = dataclasses.replace(calibration, temperature=0.2) if calibration else None
    predictor = write_predictor(tmp_path, calibration=warmer)
    images = load_digits().test_images[:20].astype(np.uint8)
    answers = ask_node(predictor, tmp_path, images=images)["images"]
    for answer, expected in zip(answers, predictor.predict(images), strict=True):
        np.testing.assert_allclose(answer["probabilities"], expected.probabilities, atol=1e-5)
        assert answer["digit"] == expected.digit and answer["verdict"] == expected.verdict.value
        assert answer["margin"] == pytest.approx(expected.margin, abs=1e-4)
        assert answer["runnerUp"] == int(np.argsort(expected.probabilities)[-2])


def drawn(side: int, width: int, ink: int = 0, paper: int = 255, copies: int = 1) -> Image.Image:
    """A "2" as a pen draws it, once or several times side by side."""
    image = Image.new("L", (1200 * copies, 1200), paper)
    for copy in range(copies):
        points = [(0.3, 0.3), (0.5, 0.18), (0.68, 0.33), (0.32, 0.8), (0.75 - 0.1 * copy, 0.82)]
        corners = [(1200 * (x + copy), 1200 * y) for x, y in points]
        ImageDraw.Draw(image).line(corners, fill=ink, width=width, joint="curve")
    return image.resize((side * copies, side), Image.Resampling.BICUBIC)


def lit(image: Image.Image, seed: int) -> Pixels:
    """Light that fades across the picture, the edge of a shadow, noise and blur."""
    random = np.random.default_rng(seed)
    pixels = np.asarray(image.filter(ImageFilter.GaussianBlur(1.2)), np.float64)
    y, x = np.mgrid[0 : pixels.shape[0], 0 : pixels.shape[1]] / pixels.shape[1]
    light = (1 - 0.5 * x) * np.where(x + random.uniform(-0.5, 0.5) * y > random.uniform(0.3, 0.8), 0.65, 1)
    noisy: Pixels = (pixels * light + random.normal(0, 6, pixels.shape)).clip(0, 255).astype(np.uint8)
    return noisy


def photographs() -> dict[str, Pixels]:
    """Pictures of every kind that the preparation treats in its own way, grey (H, W) or with opacity (H, W, 4)."""
    random = np.random.default_rng(5)
    plain = {f"{side} px": drawn(side, 130) for side in (8, 12, 20, 28, 33, 60, 111, 112, 113, 399, 401, 640, 1601)}
    plain |= {f"pen of {width}": drawn(400, width) for width in (12, 30, 220)}
    plain |= {f"{ink} on {paper}": drawn(300, 110, ink, paper) for ink, paper in ((255, 0), (40, 90), (210, 120))}
    plain |= {f"{copies} digits": drawn(200, 120, copies=copies) for copies in (2, 3)}
    kinds = {name: np.asarray(image) for name, image in plain.items()}
    kinds |= {f"photograph {seed}": lit(drawn(480, 90, 60, 235, 1 + seed % 2), seed) for seed in range(6)}
    faint = drawn(300, 110, copies=2)
    faint.paste(faint.crop((0, 0, 300, 300)).point(lambda level: 128 + level // 2), (300, 0))
    kinds["dark and faint"] = np.asarray(faint)
    apart = Image.new("L", (400, 400), 255)
    pen = ImageDraw.Draw(apart)
    pen.line([(150, 120), (150, 200), (250, 240), (150, 330)], fill=0, width=24)
    pen.line([(160, 85), (260, 85)], fill=0, width=18)  # the bar of a "5", not quite touching
    kinds["two pieces and dust"] = np.asarray(apart).copy()
    kinds["two pieces and dust"][380, 20] = 0
    pen.rectangle([0, 0, 399, 30], fill=0)
    kinds["a beam at the edge"] = np.asarray(apart)
    kinds["noise"] = random.normal(128, 30, (480, 640)).clip(0, 255).astype(np.uint8)
    kinds["faint noise"] = random.normal(200, 2, (200, 300)).astype(np.uint8)
    kinds["shadow"] = np.where(np.add.outer(np.arange(480), np.arange(640)) > 500, 110, 220).astype(np.uint8)
    kinds["blank"] = np.full((90, 70), 240, np.uint8)
    kinds["one pixel"] = np.zeros((1, 1), np.uint8)
    kinds["a line of pixels"] = np.full((1, 5000), 9, np.uint8)
    for name, ink, side in (("black", 0, 90), ("white", 255, 500), ("grey", 90, 1700)):
        see_through = np.full((side, side, 4), ink, np.uint8)
        see_through[..., 3] = 255 - np.asarray(drawn(side, 120))
        kinds[f"{name} on transparent"] = see_through
    corners = np.dstack([np.asarray(drawn(300, 110, 30, 220))] * 3 + [np.full((300, 300), 255, np.uint8)])
    corners[:40, :40, 3] = 0
    kinds["page without a corner"] = corners
    kinds["colours"] = np.dstack([*random.integers(120, 250, (3, 200, 150)), np.full((200, 150), 255)]).astype(np.uint8)
    return kinds


def with_opacity(pixels: Pixels) -> Pixels:
    return pixels if pixels.ndim == 3 else np.dstack([pixels] * 3 + [np.full(pixels.shape, 255, np.uint8)])


@needs_node
@pytest.mark.parametrize("data", [DataSet.mnist, DataSet.digits])
def test_pictures_are_prepared_as_the_command_does(data: DataSet, tmp_path: Path) -> None:
    predictor = write_predictor(tmp_path, data=DataConfig(data), calibration=None)
    kinds = dict(list(photographs().items())[:: 1 if data is DataSet.mnist else 5])
    answers = ask_node(predictor, tmp_path, [with_opacity(pixels) for pixels in kinds.values()])["pictures"]
    num_digits = 0
    for (name, pixels), answer in zip(kinds.items(), answers, strict=True):
        expected = [found for found in predictor.read(from_array(with_opacity(pixels))) if found.digit is not None]
        assert len(answer) == len(expected), name
        num_digits += len(expected)
        for told, found in zip(answer, expected, strict=True):
            assert found.image is not None and found.box is not None
            assert np.abs(unpacked(told).astype(int) - found.image).max() <= 1, name
            assert told["box"] == dataclasses.asdict(found.box), name
            assert told["digit"] == found.digit and told["verdict"] == found.verdict.value, name
    assert num_digits > len(kinds) // 2


def test_the_policy_names_this_script_and_these_styles_alone(tmp_path: Path) -> None:
    page = build_page(write_predictor(tmp_path))
    parts = Parts(page)
    digests = {
        kind: base64.b64encode(hashlib.sha256(parts.text[kind][-1].encode()).digest()).decode()
        for kind in ("script", "style")
    }
    policy = (
        f"default-src 'none'; script-src 'sha256-{digests['script']}'; style-src 'sha256-{digests['style']}'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    assert ("meta", {"http-equiv": "Content-Security-Policy", "content": policy}) in parts.tags
    assert [attrs.get("type") for tag, attrs in parts.tags if tag == "script"] == ["application/json", "module"]
    for tag, attrs in parts.tags:
        assert not {"src", "href", "style", "action"} & set(attrs), tag
        assert not [name for name in attrs if name.startswith("on")], tag
    assert "import " not in parts.text["script"][1].split("/**")[0] and "://" not in joined_script()
    assert 300_000 < len(page) < 500_000
    assert page == build_page(load_predictor(tmp_path / "ablation" / model_of(page)["run"]["name"]))


def test_names_are_text(tmp_path: Path) -> None:
    page = build_page(load_predictor(write_run(tmp_path / HOSTILE)))
    assert model_of(page)["run"]["study"] == HOSTILE
    assert page.count(b"<script") == 2 and b"<img" not in page and b"<!--" not in page


def test_the_modules_stay_small_and_name_nothing_twice() -> None:
    for file in SOURCES.glob("*.mjs"):
        text = file.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 250 and all(len(line) <= 120 for line in text.splitlines()), file.name
        bodies = re.findall(r"^(?:export )?(?:async )?function .*?^}", text, re.MULTILINE | re.DOTALL)
        assert all(len(body.splitlines()) <= 40 for body in bodies), file.name
    script = joined_script()
    names = re.findall(r"^(?:async )?(?:function|const|let) (\w+)", script, re.MULTILINE)
    assert len(names) == len(set(names)) > 50
    assert not re.search(r"^(import|export) ", script, re.MULTILINE)
    assert "</script" not in script and "<!--" not in script


def test_a_network_too_large_for_a_page_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, model in enumerate((ModelConfig(Model.cnn4, c5=None), ModelConfig(Model.mlp, c5=None, hidden=(600,)))):
        folder = write_run(tmp_path / str(number), model=model)
        with pytest.raises(PageError):
            build_page(load_predictor(folder))
        assert main(["--run", str(folder), "--page", str(tmp_path / "page.html")]) == 1
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 2 and model.name.value in lines[1]
        assert not (tmp_path / "page.html").exists()


def test_the_command_writes_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "digit.html"
    write_run(tmp_path / "outputs" / "ablation", calibration=None)
    for _ in range(2):
        assert main(["--page", str(file), "--outputs", str(tmp_path / "outputs")]) == 0
        printed = capsys.readouterr()
        assert printed.out.startswith(f"page written: {file} (") and "uncalibrated" in printed.err
    assert file.read_bytes().startswith(b"<!doctype html>") and file.stat().st_size < MAX_BYTES
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    assert main(["--page", str(tmp_path / "none" / "a.html"), "--outputs", str(tmp_path / "outputs")]) == 1
    assert main(["--page", str(file), "--outputs", str(tmp_path / "nothing")]) == 2


@pytest.mark.parametrize(
    "more", [["a.png"], ["--test", "3"], ["--json"], ["--csv"], ["--tta"], ["--ensemble"], ["--show", "a.png"], []]
)
def test_what_does_not_go_with_a_page(more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--page", "page.html" if more else "page.txt", *more])
    assert caught.value.code == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def strokes(digit: int) -> list[list[tuple[float, float]]]:
    """A digit as a person draws it: polylines in a frame of 0..1, y down."""

    def arc(x: float, y: float, wide: float, high: float, first: float, last: float) -> list[tuple[float, float]]:
        turns = np.radians(np.linspace(first, last, 18))  # from the right, clockwise
        return [(x + wide * float(np.cos(turn)), y + high * float(np.sin(turn))) for turn in turns]

    shapes: dict[int, list[list[tuple[float, float]]]] = {
        0: [arc(0.5, 0.5, 0.24, 0.38, -80, 285)],
        1: [[(0.4, 0.28), (0.52, 0.14), (0.52, 0.5), (0.51, 0.88)]],
        2: [[*arc(0.5, 0.32, 0.22, 0.2, -165, 30), (0.52, 0.6), (0.3, 0.86), (0.5, 0.84), (0.76, 0.86)]],
        3: [[*arc(0.48, 0.31, 0.2, 0.18, -150, 90), *arc(0.48, 0.67, 0.24, 0.2, -85, 150)]],
        4: [[(0.42, 0.14), (0.26, 0.56), (0.76, 0.56)], [(0.62, 0.3), (0.6, 0.9)]],
        5: [[(0.36, 0.14), (0.34, 0.46), *arc(0.48, 0.64, 0.24, 0.22, -125, 140)], [(0.36, 0.14), (0.7, 0.13)]],
        6: [[(0.6, 0.12), (0.42, 0.32), (0.33, 0.58), *arc(0.5, 0.68, 0.18, 0.19, -180, 165)]],
        7: [[(0.28, 0.16), (0.5, 0.15), (0.73, 0.16), (0.6, 0.45), (0.48, 0.88)]],
        8: [[*arc(0.5, 0.3, 0.18, 0.17, -30, -270), *arc(0.5, 0.68, 0.22, 0.2, -90, 265), (0.66, 0.36), (0.64, 0.22)]],
        9: [[*arc(0.5, 0.34, 0.19, 0.2, -10, -355), (0.68, 0.55), (0.62, 0.88)]],
    }
    return shapes[digit]


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


@needs_chromium
def test_a_browser_reads_what_is_drawn(tmp_path: Path) -> None:
    predictor = load_predictor(write_run(tmp_path / HOSTILE, data=MNIST, calibration=None))
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
        for left in (0.05, 0.55):
            draw(tab, 1, left, 0.4)
        assert text_of(tab, "spoken").startswith("2 digits from left to right: ")
        tab.run("document.querySelectorAll('#row button')[1].click()")
        tab.settle()
        assert text_of(tab, "sentence").startswith("digit 2 of 2: ")
        assert set(tab.requests) == {(tmp_path / "page.html").as_uri()} and tab.complaints == []


@needs_chromium
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


@needs_chromium
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


@needs_chromium
@pytest.mark.skipif("LENET_ABLATE_RUN" not in os.environ, reason="set LENET_ABLATE_RUN to a run trained on MNIST")
@pytest.mark.parametrize("phone", [False, True])
def test_ten_digits_drawn_by_hand_are_read(phone: bool, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_bytes(build_page(load_predictor(Path(os.environ["LENET_ABLATE_RUN"]))))
    read = []
    with browser(tmp_path / "profile") as tab:
        tab.open(tmp_path / "page.html", *((390, 844, True, True) if phone else (1280, 900)))
        for digit in range(10):
            draw(tab, digit)
            read.append(text_of(tab, "headline").rstrip("?"))
            tab.press("Delete", 46)
        assert read == [str(digit) for digit in range(10)] and tab.complaints == []
