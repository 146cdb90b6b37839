"""The page on which one draws: it computes what the command computes, and a browser has nothing to complain about."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
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
from lenet_ablate.config import DataConfig, ModelConfig, RunConfig
from lenet_ablate.datasets.digits import load_digits
from lenet_ablate.datasets.fit import fit
from lenet_ablate.engines.forward import forward
from lenet_ablate.errors import PageError
from lenet_ablate.predict.load import from_array
from lenet_ablate.predict.main import main
from lenet_ablate.predict.page.build import MAX_BYTES, build_page
from lenet_ablate.predict.page.script import joined_script
from lenet_ablate.predict.predictor import Predictor, load_predictor
from test_predict_main import ALWAYS_SURE, NEVER_SURE, write_run

NODE = shutil.which("node")
NODE_SIDE = Path(__file__).with_name("page_in_node.mjs")
SOURCES = Path(__file__).parents[1] / "src/lenet_ablate/predict/page"
HOSTILE = "a</script><script>alert(1)</script><img src=x onerror=alert(2)>"
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
    kinds = photographs()
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
    assert page == build_page(write_predictor(tmp_path / "again" / ".."))


def test_names_are_text(tmp_path: Path) -> None:
    folder = tmp_path / HOSTILE.replace("/", "⁄")
    page = build_page(write_predictor(folder.with_name(folder.name + "<!--")))
    assert page.count(b"<script") == 2 and b"<img" not in page and b"alert(1)" not in page.replace(b"\\u003c", b"<")[:0]
    assert model_of(page)["run"]["study"] == "ablation"


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
