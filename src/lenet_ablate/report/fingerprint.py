"""Whether a report on disk is the very one that would be made again, told without drawing anything."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import platform
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt

import lenet_ablate
from lenet_ablate.config.folder import config_dir
from lenet_ablate.errors import RecordError
from lenet_ablate.records.files import read_file
from lenet_ablate.records.plans import MAX_BYTES, plan_names
from lenet_ablate.records.record import STATUS
from lenet_ablate.report.figures.gallery import FigureInputs
from lenet_ablate.report.study.study import Study

_LIBRARIES = ("jinja2", "matplotlib", "numpy", "pandas", "pillow", "scikit-learn", "scipy", "statsmodels", "tabulate")


def fingerprint(
    study: Study, texts: Mapping[str, bytes], figure_inputs: FigureInputs, every_variant: bool, formats: Sequence[str]
) -> str:
    """SHA-256, in hex, over all that a study's report is made from; another one means another report.

    Everything but the figures is compared as it would be written. The figures draw the same numbers, the runs' weights
    and predictions, whose digests stand in status.json and were compared when the runs were read, and the test images.

    Args:
        study: What is reported.
        texts: Content by path of the report without its figures.
        figure_inputs: What the figures need besides the records.
        every_variant: Whether each variant gets a figure of its own.
        formats: The kinds of file that figures are written as.
    """
    digest = hashlib.sha256()
    files = [(study.run_folder(run), STATUS) for run in study.runs["run"]]
    files += [(folder, name) for folder in study.sources or (study.folder,) for name in plan_names(folder)]
    parts = [
        *_texts(texts),
        *_files(files),
        *_arrays(figure_inputs),
        *_options(every_variant, formats),
        _program(),
    ]
    for part in parts:
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


def _options(every_variant: bool, formats: Sequence[str]) -> Iterable[bytes]:
    yield bytes([every_variant])
    yield ",".join(sorted(formats)).encode()


def _texts(texts: Mapping[str, bytes]) -> Iterable[bytes]:
    for name in sorted(texts):
        yield name.encode()
        yield texts[name]


def _files(files: Iterable[tuple[Path, str]]) -> Iterable[bytes]:
    """The names and content of files; one that is not there, as of a run that is only planned, has its name alone."""
    for folder, name in files:
        yield f"{folder.name}/{name}".encode(errors="surrogateescape")
        try:
            yield read_file(folder, name, MAX_BYTES)
        except RecordError:
            yield b"missing"


def _arrays(figure_inputs: FigureInputs) -> Iterable[bytes]:
    if figure_inputs.digits is None:
        return
    digits = figure_inputs.digits
    arrays: tuple[npt.NDArray[Any], ...] = (digits.images, digits.labels, digits.predictions, digits.probabilities)
    for array in arrays:
        yield f"{array.dtype} {array.shape}".encode()
        yield array.tobytes()


@functools.cache
def _program() -> bytes:
    """Digest of this program's own files and of the versions of what it draws and counts with."""
    digest = hashlib.sha256(f"{lenet_ablate.__version__} {platform.python_version()}".encode())
    for folder in (Path(lenet_ablate.__file__).parent, config_dir()):
        for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"):
            digest.update(path.name.encode() + path.read_bytes())
    for name in _LIBRARIES:
        digest.update(f" {name} {_version(name)}".encode())
    return digest.digest()


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
