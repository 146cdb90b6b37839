"""What is kept of a published study: small files in one archive, the same bytes for the same study."""

import dataclasses
import io
import json
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from lenet_ablate.records.plans import read_plans

DATA = Path(__file__).resolve().parents[2] / "docs/results/data"
KEPT = ("config.yaml", "status.json", "metrics.csv", "result.json")
PAGE = "index.html"
DOCUMENT = "_document"
SUFFIX = ".tar.xz"  # whose files share what they repeat; as zips the archives take two thirds more
SCALES_AND_ORDERS = ("data.normalize=standard,unit", "data.shuffle=true,false")
TEN, FIVE, THREE = "seed=range(10)", "seed=range(5)", "seed=range(3)"
FEWER_IMAGES = "data.train_size=10000,20000,30000"
STUDIES = {
    "pooling": ["experiment=pooling", TEN],
    "learning_rate": ["experiment=learning_rate", TEN],
    "tanh_average": ["experiment=tanh_average", TEN],
    "batch_size": ["experiment=batch_size", TEN],
    "optimizer_activation": ["experiment=optimizer_activation", TEN],
    "augmentation": ["experiment=augmentation", FIVE],
    "hand_derived": ["experiment=hand_derived", FIVE],
    "plain_sgd": ["experiment=plain_sgd", FIVE],
    "full_grid": ["experiment=full_grid", THREE, "epochs=5"],
    "playground": ["experiment=playground", TEN],
    "cnn4_learning_rate": ["experiment=cnn4_learning_rate", THREE],
    "cnn4_batch_size": ["experiment=cnn4_batch_size", THREE],
    "pooling_document": ["experiment=pooling", "protocol=document", TEN],
    "learning_rate_document": ["experiment=learning_rate", "protocol=document", TEN],
    "tanh_average_document": ["experiment=tanh_average", "protocol=document"],
    "hand_derived_document": ["experiment=hand_derived", "protocol=document", FIVE],
    "plain_sgd_document": ["experiment=plain_sgd", "protocol=document"],
    "cnn4_learning_rate_document": ["experiment=cnn4_learning_rate", "protocol=document"],
    "cnn4_batch_size_document": ["experiment=cnn4_batch_size", "protocol=document"],
    "published_rate": ["lr=0.001", "data.val_size=0", "data.resize=bilinear", *SCALES_AND_ORDERS, "seed=0,1,2"],
    "published_images": ["experiment=learning_rate", "protocol=document", FEWER_IMAGES, THREE],
}
"""Each study and the words that train it, in the order in which they are told; those named `…_document` follow the
source document: all 60,000 images, its way of resizing them, tested after each epoch."""


@dataclass(frozen=True)
class Packed:
    """A published study.

    Attributes:
        name: Its name, a key of STUDIES.
        command: The command of its latest sweep.
        references: The published figures, as its experiment's file gives them.
        sentences: Which setting is the best, of each data set or network, where several settings vary; then what its
            report says of each of them.
        pairs: The report's `pairs.csv`, of all parts together.
        results: Every run's `result.json` by folder name, with `settings`, see `flat`, and `best_test_accuracy`, the
            highest test accuracy of all epochs.
    """

    name: str
    command: str
    references: list[dict[str, Any]]
    sentences: list[str]
    pairs: pd.DataFrame
    results: dict[str, dict[str, Any]]


def pack(outputs: Path, study: str) -> None:
    """Pack a study whose runs have all ended; one that has not, or is packed with these runs, is left as it is."""
    folder = outputs / study
    runs = sorted(path.parent for path in folder.glob("*/status.json"))
    states = [json.loads((run / "status.json").read_text("utf-8"))["status"] for run in runs]
    if not runs or not set(states) <= {"done", "diverged"}:
        return
    files = {f"{run.name}/{name}": run / name for run in runs for name in KEPT}
    files |= {f"sweeps/{path.name}": path for path in (folder / "sweeps").iterdir()}
    if is_packed(study, files):
        return
    latest = read_plans(folder).sweeps[-1]
    plan = {"command": latest.command, "references": [dataclasses.asdict(each) for each in latest.references]}
    with tempfile.TemporaryDirectory() as place:
        report = Path(sys.executable).with_name("lenet-report")
        # From the folder above: the page tells commands with this path, which is to be nobody's own.
        command = [report, outputs.name, "--study", study, "--out", place, "--formats", "png"]
        subprocess.run(command, check=True, capture_output=True, cwd=outputs.resolve().parent)
        top = min(Path(place).rglob("summary.json"), key=lambda path: len(path.parts)).parent
        files |= {f"report/{path.relative_to(top)}": path for path in (top / "summary.json", *top.rglob("pairs.csv"))}
        if DOCUMENT not in study:
            files[f"report/{PAGE}"] = top / PAGE
        write(
            study,
            {name: path.read_bytes() for name, path in files.items()}
            | {"plan.json": json.dumps(plan, indent=1).encode()},
        )
        for figure in sorted(top.glob("figures/effects*.png"))[:1] or sorted(top.glob("figures/boundaries.png")):
            if DOCUMENT not in study:
                (DATA / f"{study}.png").write_bytes(figure.read_bytes())


def write(study: str, contents: dict[str, bytes]) -> None:
    """Write a study's archive, without times or owners."""
    DATA.mkdir(exist_ok=True)
    with tarfile.open(DATA / f"{study}{SUFFIX}", "w:xz", preset=9) as archive:
        for name, content in sorted(contents.items()):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def read(path: Path) -> dict[str, bytes]:
    """Each file of an archive by its name."""
    with tarfile.open(path) as archive:
        return {entry.name: archive.extractfile(entry).read() for entry in archive}


def is_packed(study: str, files: dict[str, Path]) -> bool:
    """Whether a study is packed with just these files of runs and sweeps; its report may be of an earlier version."""
    if not (DATA / f"{study}{SUFFIX}").is_file():
        return False
    kept = read(DATA / f"{study}{SUFFIX}").items()
    runs = {name: content for name, content in kept if name != "plan.json" and not name.startswith("report/")}
    return runs == {name: path.read_bytes() for name, path in files.items()}


def packed() -> list[str]:
    """The studies that are packed, in their order."""
    return [study for study in STUDIES if (DATA / f"{study}{SUFFIX}").is_file()]


def flat(settings: dict[str, Any]) -> dict[str, str]:
    """Settings by the names that one types, as text; a group, and a schedule, by its name and by each of its fields."""
    texts = {}
    for key, value in settings.items():
        fields = value if isinstance(value, dict) else {"name": value}
        for field, own in fields.items():
            text = f"[{','.join(map(str, own))}]" if isinstance(own, list) else str(own)
            text = text.lower() if isinstance(own, bool) else text
            texts[key if field == "name" else f"{key}.{field}"] = text
    return texts


def unpack(study: str) -> Packed:
    """Read a packed study."""
    files = read(DATA / f"{study}{SUFFIX}")
    plan = json.loads(files["plan.json"])
    results = {}
    for run in (name.partition("/")[0] for name in files if name.endswith("/result.json")):
        epochs = pd.read_csv(io.BytesIO(files[f"{run}/metrics.csv"]))
        results[run] = json.loads(files[f"{run}/result.json"]) | {
            "settings": flat(yaml.safe_load(files[f"{run}/config.yaml"])),
            "best_test_accuracy": float(epochs["test_accuracy"].max()),
        }
    found = json.loads(files["report/summary.json"])
    pairs = [
        pd.read_csv(io.BytesIO(content), encoding="utf-8-sig", dtype={"level_a": str, "level_b": str})
        for name, content in files.items()
        if name.endswith("/pairs.csv")
    ]
    parts = found.get("parts") or [found] * (len(found["factors"]) > 1)
    sentences = [part["best"]["sentence"] for part in parts if part["best"]]
    sentences += [entry["sentence"] for told in found["verdicts"].values() for entry in told]
    together = pd.concat(pairs, ignore_index=True) if pairs else pd.DataFrame()
    return Packed(study, plan["command"], plan["references"], sentences, together, results)
