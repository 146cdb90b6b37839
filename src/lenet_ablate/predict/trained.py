"""Trained runs as found on disk, read to predict with: the best one, a named one, or all seeds of one."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lenet_ablate.config.callables import Factory, factory_of
from lenet_ablate.config.choices import DataSet, Normalize
from lenet_ablate.config.own_code import FOLDER, NOUNS, Part, has_own_network, network_parts
from lenet_ablate.config.plan import factory_name, variant_id
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.config.source import Source, read_source
from lenet_ablate.engines.forward import Network
from lenet_ablate.engines.networks import layer_shapes
from lenet_ablate.engines.stored import read_stored
from lenet_ablate.errors import RecordError
from lenet_ablate.predict.calibration import CALIBRATION, Calibration, read_calibration
from lenet_ablate.predict.reject import is_fitting
from lenet_ablate.records.read import read_run, run_folders
from lenet_ablate.records.record import MODEL, STATUS, State
from lenet_ablate.records.result import RunResult, read_result
from lenet_ablate.records.settings import read_config
from lenet_ablate.records.status import read_status
from lenet_ablate.rendering.failures import no_folder

PREFERRED = (DataSet.mnist, DataSet.digits)
NOTHING = RunResult()


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


def read_trained(folder: Path, factory: Factory = None) -> Trained:
    """A finished run.

    Args:
        folder: Its folder.
        factory: `FILE.py:NAME`, or the function or class of a module, or a list of such: the code of an own network or
            nonlinearity. No code is run that is not named here, and none that the run was not trained with.

    Raises:
        RecordError: The run is not finished, its files are damaged, this version does not know its network, or that is
            own code and `factory` does not name its code.
        ConfigError: The code cannot be read or run.
    """
    if not folder.is_dir():
        raise RecordError(f"{folder}: {no_folder(folder)}")
    if not os.path.lexists(folder / STATUS) and run_folders(folder):
        raise RecordError(f"{folder}: is a study, not a run; --study {folder.resolve().name} takes its best run")
    record = read_run(folder)
    if record.state is State.unreadable:
        raise RecordError(f"{folder}: {record.error}")
    if record.state is not State.done or record.config is None:
        raise RecordError(f"{folder}: is {record.state.value}; only a run that is done can predict")
    if record.config.data.name.is_playground:
        raise RecordError(f"{folder}: was trained on points of the plane, not on pictures")
    calibration = read_calibration(folder)
    rejection = calibration.rejection if calibration else None
    if rejection and not is_fitting(rejection, *layer_shapes(record.config)["output"]):
        raise RecordError(f"{folder}: {CALIBRATION}: rejection does not fit the network")
    config = with_factory(folder, record.config, factory)
    network = _network(folder, config, calibration)
    if has_own_network(config):
        network = _with_code(folder, network)
    return Trained(folder, config, network, calibration, record.result.final.test_accuracy)


def _with_code(folder: Path, network: Network) -> Network:
    from lenet_ablate.engines.pytorch.own import computing  # PyTorch takes 2 s

    try:
        return dataclasses.replace(network, compute=computing(network.config, network.weights))
    except RecordError as error:
        raise RecordError(f"{folder}: {error}") from None


def _network(folder: Path, config: RunConfig, calibration: Calibration | None) -> Network:
    mean, std = config.data.mean, config.data.std
    if calibration is not None and calibration.mean is not None and calibration.std is not None:
        mean, std = calibration.mean, calibration.std
    elif config.data.normalize is not Normalize.standard:
        mean, std = (0.0, 1.0) if config.data.normalize is Normalize.unit else (None, None)
    if mean is None or std is None:
        raise RecordError(f"{folder}: how its images were normalised is not on record; train it again")
    try:
        return Network(config, read_stored(folder, MODEL, config), mean, std)
    except RecordError as error:
        raise RecordError(f"{folder}: {error}") from None


def with_factory(folder: Path, config: RunConfig, factory: Factory) -> RunConfig:
    """The settings of a run with the code that the user names for its network or nonlinearity; see `read_trained`."""
    named = [factory] if factory is None or isinstance(factory, str) or callable(factory) else list(factory)
    typed = [factory_of(each, "factory") if callable(each) else each for each in named if each is not None]
    parts = network_parts(config)
    if typed and not parts:
        told = f"its network is {config.model.name.value}, no own one, and its nonlinearity neither"
        raise RecordError(f"{folder}: --factory {typed[0]}: {told}")
    sources = [read_source(each, "--factory") for each in typed]
    for group, part in parts.items():
        source = _code_of(folder, group, part, sources, len(parts))
        found: Any = dataclasses.replace(part, factory=f"{source.file}:{source.name}")
        config = dataclasses.replace(config, **{group: found})
    return config


def _code_of(folder: Path, group: str, part: Part, sources: Sequence[Source], count: int) -> Source:
    """The one of some sources that a part of a run, of so many that are code, was trained with."""
    name, noun = factory_name(part), NOUNS[group]
    for source in sources:
        if source.sha256 == part.sha256 and source.name == name:
            return source
    namesakes = [source for source in sources if source.name == name]
    if len(sources) < count and not namesakes:
        beside = " beside the other" if sources else ""
        raise RecordError(
            f"{folder}: its {noun} is code, {name}, which runs only where you name it: --factory FILE.py:{name}"
            f"{beside}, such as the copy in {folder / FOLDER} once you have looked at it"
        )
    source = [*namesakes, *sources][0]
    raise RecordError(
        f"{folder}: --factory {source.file}:{source.name}: is not the code that its {noun} was trained with, {name} of "
        f"SHA-256 {str(part.sha256)[:8]}…, but {source.name} of {source.sha256[:8]}…"
    )


def read_replicates(folder: Path, factory: Factory = None) -> Iterator[Trained]:
    """All finished seeds of a run's variant in its study, the run itself among them; damaged ones are passed over."""
    variant = _result(folder).variant_id
    for other in run_folders(folder.resolve().parent):
        if variant is not None and _result(other).variant_id == variant:
            with contextlib.suppress(RecordError):
                trained = read_trained(other, factory)
                if variant_id(trained.config) == variant:
                    yield trained


def best_run(
    outputs: Path | str,
    study: str | None = None,
    on_damaged: Callable[[str], None] = lambda reason: None,
    factory: Factory = None,
) -> Path:
    """The folder of the finished run with the highest validation accuracy after its last epoch.

    Runs on MNIST come before those on scikit-learn's digits; other data sets are chosen where the study is
    named alone. Equal accuracies are decided by the validation loss, then by name. Runs without validation images come
    last. A run that is damaged is passed over.

    Args:
        outputs: The folder of the studies, or one study.
        study: Only this study.
        on_damaged: Told why a run that would have been chosen was passed over.
        factory: `FILE.py:NAME`, the code of own networks; runs that were trained with other code are passed over.

    Raises:
        RecordError: There is no such folder, or no finished run in it.
    """
    top = Path(outputs) / (study or "")
    if not top.is_dir():
        raise RecordError(f"{top}: {no_folder(top)}; train a run first: lenet-ablate")
    folders = [*run_folders(top), *(run for below in _folders(top) for run in run_folders(below))]
    results = {folder: _result(folder) for folder in folders}
    ranked = sorted(folders, key=lambda folder: (*_rank(results[folder]), folder.name))
    others = [None] if study else []  # whatever it is on, where it is named
    for wanted in [*PREFERRED, *others]:
        for folder in ranked:
            if results[folder] is NOTHING or not (wanted is None or _data_of(folder) is wanted):
                continue
            try:
                read_trained(folder, factory)
            except RecordError as error:
                on_damaged(str(error))
            else:
                return folder
    which = "" if study else " on mnist or digits"
    if any(result is not NOTHING for result in results.values()) and study:
        raise RecordError(f"{top}: none of its finished runs can be used")
    raise RecordError(f"{top}: has no finished run{which}; name one with --run, or train one: lenet-ablate")


def _folders(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return sorted(path for path in folder.iterdir() if path.is_dir())
    return []


def _result(folder: Path) -> RunResult:
    """What a run that says it is done came to, its files not compared with their digests; nothing for any other."""
    try:
        return read_result(folder) if read_status(folder).state is State.done else NOTHING
    except RecordError:
        return NOTHING


def _rank(result: RunResult) -> tuple[float, float]:
    """The better, the smaller."""
    accuracy, loss = result.final.val_accuracy, result.final.val_loss
    return -accuracy if accuracy is not None else math.inf, loss if loss is not None else math.inf


def _data_of(folder: Path) -> DataSet | None:
    """The data set that a run was trained on; None where that cannot be told."""
    try:
        return read_config(folder).data.name
    except RecordError:
        return None
