"""A trained run for use elsewhere: as a PyTorch module, a file of its weights, or an ONNX model; from Python:

from lenet_ablate import load_model

model = load_model("outputs/ablation/max_relu_adam_lr0.001_bs64_e30_s0-8c1cd09c")
logits = model((images - model.mean) / model.std)  # images (N, 1, 32, 32), 0..1
"""

from __future__ import annotations

from pathlib import Path

from lenet_ablate.config.callables import Factory
from lenet_ablate.config.own_code import has_own_network
from lenet_ablate.config.plan import identity
from lenet_ablate.engines.pytorch import models
from lenet_ablate.engines.pytorch.export import Module, onnx_bytes, state_dict_bytes
from lenet_ablate.engines.pytorch.own import trained_network
from lenet_ablate.errors import ConfigError
from lenet_ablate.predict.trained import Trained, read_trained
from lenet_ablate.records.atomic import write_bytes


def load_model(folder: Path | str, factory: Factory = None) -> Module:
    """The PyTorch module of a finished run with its weights after the last epoch, in evaluation mode, on the CPU.

    It takes images (N, 1, S, S) float32 and gives logits (N, 10) float32; a softmax makes them probabilities. S is 32
    for `lenet5`, else 28. Images are normalised as in training: pixels in 0..1, 0 = background and 1 = ink, minus
    `model.mean`, divided by `model.std`; an own network that has these names for something else keeps them.

    Args:
        folder: The run's folder.
        factory: `FILE.py:NAME`, or the function or class of a module: the code of an own network; it is run, and must
            be what the run was trained with.

    Raises:
        RecordError: The run is not finished, its files are damaged, or this version does not know its network.
        ConfigError: The code cannot be read or run.
    """
    return _module(read_trained(Path(folder), factory))


def _module(trained: Trained) -> Module:
    network = trained.network
    if not has_own_network(trained.config):
        module = models.build_model(trained.config, network.weights).eval()
        module.mean, module.std = network.mean, network.std
        return module
    own = trained_network(trained.config, network.weights)
    for name in ("mean", "std"):
        if not hasattr(own, name):
            setattr(own, name, getattr(network, name))
    return own


def export(trained: Trained, file: Path) -> None:
    """Write a run's network to a file, whole or not at all.

    Args:
        trained: The run.
        file: `*.pth` for the weights by layer name, to be read with `torch.load`; `*.onnx` for an ONNX model with the
            normalisation inside, see `engines.pytorch.export.onnx_bytes`, that names its run, data set, test accuracy,
            mean, std and temperature in its metadata.

    Raises:
        ConfigError: The packages that ONNX needs are not installed.
        RecordError: The file cannot be written.
    """
    module = _module(trained)
    if file.suffix.lower() == ".pth":
        write_bytes(file, state_dict_bytes(module))
        return
    try:
        content = onnx_bytes(module, trained.network, _metadata(trained))
    except ImportError as error:
        raise ConfigError(
            f"{file}: ONNX needs a library that cannot be imported ({error}): pip install 'lenet-ablate[onnx]'"
        ) from None
    write_bytes(file, content)


def _metadata(trained: Trained) -> dict[str, str]:
    """What is unknown is left out."""
    calibration = trained.calibration
    values = {
        "run": trained.folder.resolve().name,
        "identity": identity(trained.config),
        "data": trained.config.data.name.value,
        "test_accuracy": trained.accuracy,
        "mean": trained.network.mean,
        "std": trained.network.std,
        "temperature": calibration.temperature if calibration else None,
    }
    return {key: str(value) for key, value in values.items() if value is not None}
