"""A run taken elsewhere: its PyTorch module, its weights and its ONNX graph say what the NumPy forward pass says."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lenet_ablate.config.choices import C5, Activation, DataSet, Model, OutputActivation, Pool
from lenet_ablate.config.plan import identity, run_name, variant_id
from lenet_ablate.config.settings import DataConfig, ModelConfig, RunConfig
from lenet_ablate.engines.forward import forward
from lenet_ablate.engines.pytorch.models import build_model
from lenet_ablate.engines.weights import draw_weights
from lenet_ablate.errors import RecordError
from lenet_ablate.predict.calibration import Calibration, to_json
from lenet_ablate.predict.export import load_model
from lenet_ablate.predict.main import main
from lenet_ablate.predict.trained import read_trained
from lenet_ablate.records.record import EpochRow, Predictions, State
from lenet_ablate.records.write import write_config, write_finished

MODELS: dict[str, dict[str, Any]] = {
    "lenet5": {"pool": Pool.avg, "activation": Activation.tanh},
    "lenet5, c5 as a convolution": {"model": ModelConfig(c5=C5.conv), "activation": Activation.sigmoid},
    "lenet5_28": {"model": ModelConfig(Model.lenet5_28, OutputActivation.relu)},
    "cnn4": {"model": ModelConfig(Model.cnn4, c5=None)},
    "mlp": {"model": ModelConfig(Model.mlp, c5=None, hidden=(30, 20)), "activation": Activation.gelu},
    "softmax": {"model": ModelConfig(Model.mlp, c5=None, hidden=())},
}
EVERY = pytest.mark.parametrize("name", list(MODELS))


def write_run(study: Path, calibration: Calibration | None = None, **changes: Any) -> Path:
    """A finished run with drawn weights; batch normalisations have statistics as after some training."""
    config = RunConfig(**({"data": DataConfig(DataSet.digits, val_size=200)} | changes))
    folder = study / run_name(config)
    folder.mkdir(parents=True)
    write_config(folder, config)
    weights, random = draw_weights(config), np.random.default_rng(0)
    for key in (key for key in weights if key.startswith("n")):
        weights[key] = random.uniform(0.5, 2, weights[key].shape).astype(np.float32)
    result = {"format": 1, "status": "done", "variant_id": variant_id(config), "final": {"test_accuracy": 0.9125}}
    row = EpochRow(1, 10, 0.001, 0.5, 0.5, 0.1, 0.9, 0.5, 0.9125, 1.0)
    predictions = Predictions(np.zeros(360, np.uint8), np.zeros(360, np.float16))
    told = to_json(calibration) if calibration else ""
    write_finished(folder, State.done, config, [row], result, weights, predictions, calibration=told)
    return folder


def images_and_logits(folder: Path, count: int = 5) -> tuple[Any, Any]:
    """Images (N, 1, S, S) float32 in 0..1 and what the NumPy forward pass says of them."""
    network = read_trained(folder).network
    size = network.image_size
    images = np.random.default_rng(3).integers(0, 256, (count, size, size), np.uint8)
    return (images / 255).astype(np.float32)[:, None], forward(network, images).logits


def export(folder: Path, file: Path, *words: str) -> int:
    return main(["--run", str(folder), "--export", str(file), *words])


@EVERY
def test_the_module_says_what_the_forward_pass_says(name: str, tmp_path: Path) -> None:
    folder = write_run(tmp_path, **MODELS[name])
    model = load_model(folder)
    images, logits = images_and_logits(folder)
    assert isinstance(model, torch.nn.Module) and not model.training
    with torch.no_grad():
        found = model((torch.from_numpy(images) - model.mean) / model.std)
    assert found.dtype == torch.float32 and found.shape == (5, 10)
    np.testing.assert_allclose(found, logits, atol=1e-5, rtol=1e-5)
    assert np.ptp(logits) > 0.01


def test_a_module_is_normalised_as_its_run_was(tmp_path: Path) -> None:
    measured = Calibration(1.5, 1.0, 0.1, 0.1, 10, mean=0.25, std=0.5)
    model = load_model(str(write_run(tmp_path, measured)))
    assert (model.mean, model.std) == (0.25, 0.5)
    plain = load_model(write_run(tmp_path, seed=1))
    assert (plain.mean, plain.std) == (DataConfig().mean, DataConfig().std)
    with pytest.raises(RecordError):
        load_model(tmp_path)


@EVERY
def test_weights_load_as_plain_tensors(name: str, tmp_path: Path) -> None:
    folder = write_run(tmp_path, **MODELS[name])
    assert export(folder, tmp_path / "a.pth") == export(folder, tmp_path / "b.PTH") == 0
    content = (tmp_path / "a.pth").read_bytes()
    assert content == (tmp_path / "b.PTH").read_bytes()
    weights = torch.load(io.BytesIO(content), weights_only=True)
    assert type(weights) is dict and all(type(tensor) is torch.Tensor for tensor in weights.values())
    config = read_trained(folder).config
    fresh = build_model(config, draw_weights(config)).eval()
    fresh.load_state_dict(weights)
    images, _ = images_and_logits(folder)
    with torch.no_grad():
        assert torch.equal(fresh(torch.from_numpy(images)), load_model(folder)(torch.from_numpy(images)))


@pytest.mark.slow
@EVERY
def test_the_onnx_graph_takes_pixels(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    onnx = pytest.importorskip("onnx", reason="needs the extra onnx")
    from onnx.reference import ReferenceEvaluator

    folder = write_run(tmp_path, Calibration(1.5, 1.0, 0.1, 0.1, 10, mean=0.25, std=0.5), **MODELS[name])
    assert export(folder, tmp_path / "a.onnx") == 0
    printed = capfd.readouterr()
    assert printed.out == "" and len(printed.err.splitlines()) == 2  # PyTorch says nothing
    model = onnx.load(tmp_path / "a.onnx")
    onnx.checker.check_model(model, full_check=True)
    for count in (1, 5):
        images, logits = images_and_logits(folder, count)
        (found,) = ReferenceEvaluator(model).run(["logits"], {"image": images})
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, logits, atol=1e-4, rtol=1e-4)
    (given,), (made,) = model.graph.input, model.graph.output
    side = images.shape[-1]
    assert [dim.dim_param or dim.dim_value for dim in given.type.tensor_type.shape.dim] == ["N", 1, side, side]
    assert [dim.dim_param or dim.dim_value for dim in made.type.tensor_type.shape.dim] == ["N", 10]
    assert {entry.key: entry.value for entry in model.metadata_props} == {
        "run": folder.name,
        "identity": identity(read_trained(folder).config),
        "data": "digits",
        "test_accuracy": "0.9125",
        "mean": "0.25",
        "std": "0.5",
        "temperature": "1.5",
    }
    assert [opset.version for opset in model.opset_import if not opset.domain] == [18]


@pytest.mark.slow
def test_the_onnx_bytes_depend_on_the_run_alone(tmp_path: Path) -> None:
    """Not on the process, the folder, or where the sources lie; and no path of this machine is inside."""
    pytest.importorskip("onnxscript", reason="needs the extra onnx")
    folder = write_run(tmp_path)
    assert export(folder, tmp_path / "a.onnx") == 0
    script = "import sys; from lenet_ablate.predict.main import main; sys.exit(main())"
    (tmp_path / "elsewhere").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", script, "--run", f"../{folder.name}", "--export", "b.onnx"],
        cwd=tmp_path / "elsewhere",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and len(done.stderr.splitlines()) == 2, done.stderr
    content = (tmp_path / "a.onnx").read_bytes()
    assert content == (tmp_path / "elsewhere" / "b.onnx").read_bytes()
    assert b".py" not in content and str(tmp_path).encode() not in content


def test_a_missing_library_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_run(tmp_path)
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    assert export(folder, tmp_path / "a.onnx") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "pip install 'lenet-ablate[onnx]'" in line
    assert not (tmp_path / "a.onnx").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["--export", "a.pt"],
        ["--export", "a"],
        *(
            ["--export", "a.pth", *others]
            for others in (
                ["a.png"],
                ["--test", "5"],
                ["--json"],
                ["--csv"],
                ["--tta"],
                ["--ensemble"],
                ["--show", "a.png"],
            )
        ),
    ],
)
def test_export_goes_with_nothing_else(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "--export" in line


def test_what_cannot_be_exported_or_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert export(tmp_path, tmp_path / "a.pth") == 2
    (tmp_path / "taken.pth").mkdir()
    assert export(write_run(tmp_path), tmp_path / "taken.pth") == 1
    assert len(capsys.readouterr().err.splitlines()) == 2
