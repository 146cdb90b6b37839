"""The page on which one draws: it computes what the command computes, and a browser has nothing to complain about."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from lenet_ablate.config.choices import C5, Activation, DataSet, Model, OutputActivation, Pool, Resize
from lenet_ablate.config.settings import DataConfig, ModelConfig
from lenet_ablate.datasets.digits import load_digits
from lenet_ablate.datasets.fit import fit
from lenet_ablate.engines.compiled import gelu
from lenet_ablate.engines.forward import forward
from lenet_ablate.engines.pytorch.models import ACTIVATIONS
from lenet_ablate.errors import PageError
from lenet_ablate.predict import (
    choice,
    comb,
    course,
    digits,
    erase,
    form,
    grid,
    ink,
    layout,
    lines,
    pictures,
    pieces,
    reject,
    rows,
    ruling,
    sheet,
    stems,
    touching,
    upstroke,
)
from lenet_ablate.predict.main import main
from lenet_ablate.predict.page.build import MAX_BYTES, build_page
from lenet_ablate.predict.page.script import joined_script
from lenet_ablate.predict.pictures import from_array
from lenet_ablate.predict.prediction import Reading
from lenet_ablate.predict.predictor import Predictor
from support.drawings import Pixels, photographs
from support.pages import pages
from support.trained_runs import ALWAYS_SURE, HOSTILE, NEVER_SURE, REJECTING, write_predictor, write_run

NODE = shutil.which("node")
NODE_SIDE = Path(__file__).with_name("page_in_node.mjs")
SOURCES = Path(__file__).parents[2] / "src/lenet_ablate/predict/page"
MNIST = DataConfig()

needs_node = pytest.mark.skipif(NODE is None, reason="needs Node")


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
    "max, gelu": {"activation": Activation.gelu},
    "fully connected": {"model": ModelConfig(Model.mlp, c5=None, hidden=(30, 20)), "activation": Activation.sigmoid},
    "nothing hidden": {"model": ModelConfig(Model.mlp, c5=None, hidden=()), "data": MNIST},
}


@needs_node
@pytest.mark.parametrize("changes", list(NETWORKS.values()), ids=list(NETWORKS))
def test_logits_and_maps_are_those_of_the_forward_pass(changes: dict[str, Any], tmp_path: Path) -> None:
    predictor = write_predictor(tmp_path, **changes)
    network, config = predictor.members[0].network, predictor.members[0].config
    small = load_digits().test_images[:200].astype(np.uint8)
    images = small if predictor.form.size == 8 else fit(small, predictor.form.size)
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


def test_no_activation_and_no_pooling_is_left_out() -> None:
    assert {changes.get("activation", Activation.relu) for changes in NETWORKS.values()} == set(Activation)
    assert {changes.get("pool", Pool.max) for changes in NETWORKS.values()} == set(Pool)


@needs_node
@pytest.mark.parametrize("activation", Activation)
def test_activations_are_pytorchs(activation: Activation, tmp_path: Path) -> None:
    assert NODE is not None
    points = np.concatenate([np.linspace(-50, 50, 10_001), [-1e300, 1e300]])
    script = tmp_path / "script.mjs"
    asked = f"{json.dumps(points.tolist())}.map((x) => ACTIVATIONS.{activation.value}(x))"
    told = f"console.log(JSON.stringify({asked}));"
    script.write_text(f"{(SOURCES / 'network.mjs').read_text(encoding='utf-8')}\n{told}\n", encoding="utf-8")
    done = subprocess.run([NODE, script], capture_output=True, text=True, check=True)
    wanted = ACTIVATIONS[activation]()(torch.from_numpy(points)).numpy()
    np.testing.assert_allclose(json.loads(done.stdout), wanted, rtol=1e-12, atol=1e-8)


def test_gelu_has_the_constants_of_the_compiled_engine() -> None:
    text = (SOURCES / "network.mjs").read_text(encoding="utf-8")
    found = {name: json.loads(value) for name, value in re.findall(r"^const GELU_(\w+) = ([^;]+);", text, re.MULTILINE)}
    assert found["RATE"] == gelu.RATE
    assert found["POWERS"] == [gelu.M6, gelu.M5, gelu.M4, gelu.M3, gelu.M2, gelu.M1]


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


def with_opacity(pixels: Pixels) -> Pixels:
    return pixels if pixels.ndim == 3 else np.dstack([pixels] * 3 + [np.full(pixels.shape, 255, np.uint8)])


def compare(name: str, expected: Reading, answer: dict[str, Any]) -> int:
    """Whether the page says of a picture what the command says; returns how many signs there are."""
    signs = [found for found in expected.predictions if found.image is not None]
    assert len(answer["signs"]) == len(signs), name
    assert answer["verdict"] == expected.verdict.value, name
    marks = [{"box": dataclasses.asdict(mark.box), "reason": mark.reason.value} for mark in expected.left_out]
    assert answer["leftOut"] == marks, name
    for told, found in zip(answer["signs"], signs, strict=True):
        assert found.image is not None and found.box is not None
        assert np.abs(unpacked(told).astype(int) - found.image).max() <= 1, name
        assert told["box"] == dataclasses.asdict(found.box), name
        assert (told["row"], told["index"]) == (found.row, found.index), name
        assert told["digit"] == found.digit and told["verdict"] == found.verdict.value, name
    return len(signs)


@needs_node
@pytest.mark.parametrize("data", [DataSet.mnist, DataSet.digits])
def test_pictures_are_prepared_as_the_command_does(data: DataSet, tmp_path: Path) -> None:
    predictor = write_predictor(tmp_path, data=DataConfig(data), calibration=REJECTING)
    every = photographs() | pages()
    kinds = dict(list(every.items())[:: 1 if data is DataSet.mnist else 5])
    answers = ask_node(predictor, tmp_path, [with_opacity(pixels) for pixels in kinds.values()])["pictures"]
    num_digits = 0
    for (name, pixels), answer in zip(kinds.items(), answers, strict=True):
        num_digits += compare(name, predictor.read_page(from_array(with_opacity(pixels))), answer)
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
    assert 300_000 < len(page) < 520_000
    assert page == build_page(Predictor.load(tmp_path / "ablation" / model_of(page)["run"]["name"]))


def test_names_are_text(tmp_path: Path) -> None:
    page = build_page(Predictor.load(write_run(tmp_path / HOSTILE)))
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


@pytest.mark.parametrize(
    ("file", "module", "count"),
    [
        ("load", pictures, 6),
        ("files", pictures, 2),
        ("ink", ink, 15),
        ("sheet", sheet, 12),
        ("lines", lines, 13),
        ("course", course, 9),
        ("grid", grid, 9),
        ("choice", choice, 7),
        ("upstroke", upstroke, 11),
        ("stems", stems, 9),
        ("ruling", ruling, 15),
        ("erase", erase, 3),
        ("pieces", pieces, 15),
        ("digits", digits, 11),
        ("comb", comb, 4),
        ("rows", rows, 4),
        ("form", form, 2),
        ("touching", touching, 16),
        ("reject", reject, 5),
        ("layout", layout, 1),
    ],
)
def test_constants_are_those_of_the_command(file: str, module: ModuleType, count: int) -> None:
    text = (SOURCES / f"{file}.mjs").read_text(encoding="utf-8")
    found = dict(re.findall(r"^(?:export )?const ([A-Z_]+) = ([-\d.e* ]+);", text, re.MULTILINE))
    shared = {name: getattr(module, name, getattr(module, f"_{name}", None)) for name in found}
    shared = {name: value for name, value in shared.items() if value is not None}
    assert {name: eval(found[name]) for name in shared} == shared and len(shared) == count, len(shared)


def test_a_network_too_large_for_a_page_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, model in enumerate((ModelConfig(Model.cnn4, c5=None), ModelConfig(Model.mlp, c5=None, hidden=(600,)))):
        folder = write_run(tmp_path / str(number), model=model)
        with pytest.raises(PageError):
            build_page(Predictor.load(folder))
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
    (tmp_path / "taken.html").mkdir()
    assert main(["--page", str(tmp_path / "taken.html"), "--outputs", str(tmp_path / "outputs")]) == 1
    assert main(["--page", str(file), "--outputs", str(tmp_path / "nothing")]) == 2


@pytest.mark.parametrize(
    "more",
    [
        ["a.png"],
        ["--test", "3"],
        ["--json"],
        ["--csv"],
        ["--tta"],
        ["--ensemble"],
        ["--show", "a.png"],
        ["--export", "a.pth"],
        [],
    ],
)
def test_what_does_not_go_with_a_page(more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--page", "page.html" if more else "page.txt", *more])
    assert caught.value.code == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
