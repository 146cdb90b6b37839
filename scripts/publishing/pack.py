"""What is kept of a published study: small files, in a zip that is the same bytes for the same study."""

import dataclasses
import json
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lenet_ablate.records.plans import read_plans

DATA = Path(__file__).resolve().parents[2] / "docs/results/data"
KEPT = ("config.yaml", "status.json", "metrics.csv", "result.json")
FOUND = ("summary.json", "summary.csv", "pairs.csv")
THEN = (1980, 1, 1, 0, 0, 0)  # a zip's first day
TEN, FIVE = "seed=range(10)", "seed=range(5)"
STUDIES = {
    "pooling": ["experiment=pooling", TEN],
    "learning_rate": ["experiment=learning_rate", TEN],
    "tanh_average": ["experiment=tanh_average", TEN],
    "batch_size": ["batch_size=32,64,128", TEN],
    "optimizer_activation": ["experiment=optimizer_activation", TEN],
    "augmentation": ["experiment=augmentation", FIVE],
    "hand_derived": ["experiment=hand_derived", FIVE],
    "plain_sgd": ["experiment=plain_sgd", FIVE],
    "full_grid": ["experiment=full_grid", "seed=range(3)", "epochs=5"],
    "playground": ["experiment=playground", TEN],
    "cnn4_learning_rate": ["experiment=cnn4_learning_rate"],
    "cnn4_batch_size": ["experiment=cnn4_batch_size"],
    "pooling_document": ["experiment=pooling", "protocol=document"],
    "learning_rate_document": ["experiment=learning_rate", "protocol=document"],
    "tanh_average_document": ["experiment=tanh_average", "protocol=document"],
    "hand_derived_document": ["experiment=hand_derived", "protocol=document"],
    "plain_sgd_document": ["experiment=plain_sgd", "protocol=document"],
}
"""Each study and the words that train it, in the order in which they are told."""


@dataclass(frozen=True)
class Packed:
    """A published study.

    Attributes:
        name: Its name, a key of STUDIES.
        plan: `command` of its latest sweep, and the published figures, `references`.
        summary: The report's `summary.json`.
        levels: The report's `summary.csv`, as text.
        results: Every run's `result.json` with its settings, by folder name.
    """

    name: str
    plan: dict[str, Any]
    summary: dict[str, Any]
    levels: str
    results: dict[str, dict[str, Any]]


def pack(outputs: Path, study: str) -> None:
    """Pack a study whose runs have all ended; one that has not is left as it is packed."""
    folder = outputs / study
    runs = sorted(path.parent for path in folder.glob("*/status.json"))
    states = [json.loads((run / "status.json").read_text("utf-8"))["status"] for run in runs]
    if not runs or not set(states) <= {"done", "diverged"}:
        return
    with tempfile.TemporaryDirectory() as place:
        report = Path(sys.executable).with_name("lenet-report")
        command = [report, outputs, "--study", study, "--out", place, "--formats", "png"]
        subprocess.run(command, check=True, capture_output=True)
        found = next(Path(place).rglob("summary.json")).parent
        files = {f"{run.name}/{name}": run / name for run in runs for name in KEPT}
        files |= {f"sweeps/{path.name}": path for path in (folder / "sweeps").iterdir()}
        latest = read_plans(folder).sweeps[-1]
        plan = {"command": latest.command, "references": [dataclasses.asdict(each) for each in latest.references]}
        files |= {
            name: found / name for name in ("summary.json", "summary.csv", "pairs.csv") if (found / name).is_file()
        }
        DATA.mkdir(exist_ok=True)
        with zipfile.ZipFile(DATA / f"{study}.zip", "w") as archive:
            for name, path in sorted(files.items()):
                archive.writestr(zipfile.ZipInfo(name, THEN), path.read_bytes(), zipfile.ZIP_DEFLATED, 9)
            archive.writestr(zipfile.ZipInfo("plan.json", THEN), json.dumps(plan, indent=1), zipfile.ZIP_DEFLATED, 9)
        for figure in sorted(found.glob("figures/effects*.png"))[:1]:
            (DATA / f"{study}.png").write_bytes(figure.read_bytes())


def packed() -> list[str]:
    """The studies that are packed, in their order."""
    return [study for study in STUDIES if (DATA / f"{study}.zip").is_file()]


def unpack(study: str) -> Packed:
    """Read a packed study."""
    with zipfile.ZipFile(DATA / f"{study}.zip") as archive:
        names = archive.namelist()
        plan = json.loads(archive.read("plan.json"))
        results = {}
        for run in sorted(name.partition("/")[0] for name in names if name.endswith("/result.json")):
            settings = yaml.safe_load(archive.read(f"{run}/config.yaml"))
            results[run] = json.loads(archive.read(f"{run}/result.json")) | {"settings": settings}
        summary = json.loads(archive.read("summary.json"))
        levels = archive.read("summary.csv").decode("utf-8-sig") if "summary.csv" in names else ""
    return Packed(study, plan, summary, levels, results)
