"""Studies as an earlier version left them: with a calibration, a log and `.hydra/` in each run, and plans as JSON."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

from lenet_ablate.records.record import LOG, MODEL, OPTIMIZER, PREDICTIONS, STATUS


def as_earlier(study: Path) -> None:
    """Turn the finished runs and the plans of a study into what the version before plans in lines would have left."""
    for status in study.glob("*/status.json"):
        _run(status.parent)
    for path in study.glob("sweeps/*.jsonl.gz"):
        about, *runs = map(json.loads, gzip.decompress(path.read_bytes()).splitlines())
        del about["num_runs"]
        plan = about | {"runs": [{key: run[key] for key in ("run", "identity", "config")} for run in runs]}
        path.with_name(path.name.replace(".jsonl.gz", ".json")).write_text(json.dumps(plan, indent=1) + "\n")
        path.unlink()
    for path in study.glob("sweeps/*.multirun.yaml"):
        path.unlink()


def two_of_predictions(folder: Path) -> dict[str, bytes]:
    """The predictions, and the optimizer's memory that lies with them, as the two files that they once were."""
    packed = io.BytesIO()
    with np.load(folder / PREDICTIONS) as arrays:
        np.savez_compressed(packed, digits=arrays["digits"], probabilities=arrays["probabilities"])
    with zipfile.ZipFile(folder / PREDICTIONS) as file:
        return {PREDICTIONS: packed.getvalue(), OPTIMIZER: file.read(OPTIMIZER)}


def sign_again(folder: Path, files: Mapping[str, bytes]) -> None:
    """Put files into a finished run's folder, as if it had left them."""
    status = json.loads((folder / STATUS).read_bytes())
    for name, content in files.items():
        (folder / name).write_bytes(content)
        status["files"][name] = hashlib.sha256(content).hexdigest()
    (folder / STATUS).write_text(json.dumps(status, indent=1) + "\n")


def _run(folder: Path) -> None:
    files = {}
    if (folder / MODEL).exists():
        with safetensors.safe_open(folder / MODEL, "np") as file:
            metadata = file.metadata() or {}
        weights = safetensors.numpy.load_file(folder / MODEL)
        files[MODEL] = safetensors.numpy.save(weights)
        if "calibration" in metadata:
            text = json.dumps(json.loads(metadata["calibration"]), indent=1) + "\n"
            files["calibration.json"] = text.encode()
    if (folder / PREDICTIONS).exists() and not (folder / OPTIMIZER).exists():
        files |= two_of_predictions(folder)
    sign_again(folder, files)
    (folder / LOG).write_text("2026-01-01 00:00:00,000 INFO done after 1 epochs, 0.1 s\n")
    (folder / ".hydra").mkdir(exist_ok=True)
    for name in ("config.yaml", "hydra.yaml", "overrides.yaml"):
        (folder / ".hydra" / name).write_text("- seed=0\n")
