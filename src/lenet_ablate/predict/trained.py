"""Trained runs as found on disk, read to predict with: the best one, a named one, or all seeds of one."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
import yaml
from safetensors import SafetensorError

from lenet_ablate.config.choices import DataSet, Normalize
from lenet_ablate.config.plan import variant_id
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.config.yaml_text import from_yaml
from lenet_ablate.engines.forward import Floats, Network
from lenet_ablate.engines.networks import layer_shapes, norm_sizes
from lenet_ablate.errors import RecordError
from lenet_ablate.predict.calibration import Calibration, read_calibration
from lenet_ablate.records.read import read_run
from lenet_ablate.records.record import CONFIG, MODEL, RESULT, STATUS, State

PREFERRED = (DataSet.mnist, DataSet.digits)


@dataclass(frozen=True)
class Trained:
    """A finished run, ready to predict.

    Attributes:
        folder: Its folder.
        config: Its settings.
        network: Its network with the weights of the last epoch.
        calibration: What was learned from its validation images; None where nothing was.
        accuracy: Its test accuracy after the last epoch, 0..1; None where it was not tested.
    """

    folder: Path
    config: RunConfig
    network: Network
    calibration: Calibration | None
    accuracy: float | None


def read_trained(folder: Path) -> Trained:
    """A finished run.

    Raises:
        RecordError: The run is not finished, its files are damaged, or this version does not know its network.
    """
    if not folder.is_dir():
        raise RecordError(f"{folder}: there is no such folder")
    if not (folder / STATUS).is_file() and _runs(folder):
        raise RecordError(f"{folder}: is a study, not a run; --study {folder.resolve().name} takes its best run")
    record = read_run(folder)
    if record.state is State.unreadable:
        raise RecordError(f"{folder}: {record.error}")
    if record.state is not State.done or record.config is None:
        raise RecordError(f"{folder}: is {record.state.value}; only a run that is done can predict")
    if record.config.data.name.is_playground:
        raise RecordError(f"{folder}: was trained on points of the plane, not on pictures")
    calibration = read_calibration(folder)
    network = _network(folder, record.config, calibration)
    return Trained(folder, record.config, network, calibration, record.result["final"]["test_accuracy"])


def _network(folder: Path, config: RunConfig, calibration: Calibration | None) -> Network:
    mean, std = config.data.mean, config.data.std
    if calibration is not None and calibration.mean is not None and calibration.std is not None:
        mean, std = calibration.mean, calibration.std
    elif config.data.normalize is not Normalize.standard:
        mean, std = (0.0, 1.0) if config.data.normalize is Normalize.unit else (None, None)
    if mean is None or std is None:
        raise RecordError(f"{folder}: how its images were normalised is not on record; train it again")
    weights = _read_weights(folder, config)
    return Network(config, weights, mean, std)


def _read_weights(folder: Path, config: RunConfig) -> dict[str, Floats]:
    """The weights, checked: a damaged file must not end in a wrong digit."""
    path = folder / MODEL
    try:
        weights = safetensors.numpy.load(path.read_bytes())
    except (OSError, SafetensorError, ValueError) as error:
        raise RecordError(f"{path}: cannot be read ({error})") from None
    expected = {f"{layer}.weight": shape for layer, shape in layer_shapes(config).items()}
    expected |= {f"{layer}.bias": shape[:1] for layer, shape in layer_shapes(config).items()}
    for norm, size in norm_sizes(config.model).items():
        expected |= {f"{norm}.{part}": (size,) for part in ("weight", "bias", "running_mean", "running_var")}
    found = {name: array.shape for name, array in weights.items()}
    if found != expected or any(a.dtype != np.float32 or not np.isfinite(a).all() for a in weights.values()):
        raise RecordError(f"{path}: does not hold the weights of {config.model.name.value}")
    return weights


def read_replicates(folder: Path) -> Iterator[Trained]:
    """All finished seeds of a run's variant in its study, the run itself among them.

    Raises:
        RecordError: One of them is damaged.
    """
    variant = _read_result(folder).get("variant_id")
    for other in _runs(folder.resolve().parent):
        if _read_result(other).get("variant_id") == variant:
            trained = read_trained(other)
            if variant_id(trained.config) == variant:
                yield trained


def best_run(outputs: Path | str, study: str | None = None) -> Path:
    """The folder of the finished run with the highest validation accuracy after its last epoch.

    Runs on MNIST come before those on scikit-learn's digits; other data sets are never chosen by themselves. Equal
    accuracies are decided by the validation loss, then by name. Runs without validation images come last.

    Args:
        outputs: The folder of the studies, or one study.
        study: Only this study.

    Raises:
        RecordError: There is no such folder, or no finished run in it.
    """
    top = Path(outputs) / (study or "")
    if not top.is_dir():
        raise RecordError(f"{top}: there is no such folder; train a run first: lenet-ablate")
    found = {
        folder: _read_result(folder)
        for folder in (*_runs(top), *(run for below in _folders(top) for run in _runs(below)))
    }
    ranked = sorted(
        ((*_rank(result), folder.name, folder) for folder, result in found.items() if result), key=lambda row: row[:3]
    )
    for wanted in PREFERRED:
        for *_, folder in ranked:
            if _data_name(folder) == wanted.value:
                return folder
    raise RecordError(f"{top}: has no finished run on mnist or digits; name one with --run, or train one: lenet-ablate")


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir())


def _runs(study: Path) -> list[Path]:
    return [folder for folder in _folders(study) if (folder / STATUS).is_file()]


def _read_result(folder: Path) -> dict[str, Any]:
    """Content of result.json of a run that is done, not checked further; empty for any other."""
    try:
        status, result = (json.loads((folder / name).read_bytes()) for name in (STATUS, RESULT))
        is_done = status["status"] == State.done.value and isinstance(result, dict) and (folder / MODEL).is_file()
        return result if is_done else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _rank(result: dict[str, Any]) -> tuple[float, float]:
    """The better, the smaller."""
    final = result.get("final") or {}
    accuracy, loss = final.get("val_accuracy"), final.get("val_loss")
    return -accuracy if accuracy is not None else math.inf, loss if loss is not None else math.inf


def _data_name(folder: Path) -> str | None:
    """The data set that a run's config.yaml names; None where that cannot be told."""
    try:
        return str(from_yaml((folder / CONFIG).read_bytes())["data"]["name"])
    except (OSError, KeyError, TypeError, yaml.YAMLError):
        return None
