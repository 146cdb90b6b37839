"""Which studies are published, and what is kept of each."""

import dataclasses
import io
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from archive import DATA, check_report, path_of, read, write

from lenet_ablate.records.plans import read_plans

KEPT = ("config.yaml", "status.json", "metrics.csv", "result.json")
PAGE, PLAN = "index.html", "plan.json"
DOCUMENT = "_document"
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


class Refused(Exception):
    """A study that is not packed; its words say why."""


@dataclass(frozen=True)
class Packed:
    """A published study.

    Attributes:
        name: Its name, a key of STUDIES.
        command: The command of its latest sweep.
        references: The published figures, as its experiment's file gives them.
        sentences: Which setting is the best, of each data set or network, where several settings vary; then what its
            report says of each of them.
        warnings: What its report warns of.
        pairs: The report's `pairs.csv`, of all parts together.
        results: Every run's `result.json` by folder name, with `settings`, see `flat`, and `best_test_accuracy`, the
            highest test accuracy of all epochs.
    """

    name: str
    command: str
    references: list[dict[str, Any]]
    sentences: list[str]
    warnings: list[str]
    pairs: pd.DataFrame
    results: dict[str, dict[str, Any]]


def pack(outputs: Path, study: str) -> str:
    """Pack a study whose runs have all ended, and say in a line what was done; what is packed is never made less.

    Raises:
        Refused: It lacks runs that are packed, or cannot be read or reported.
    """
    folder = outputs / study
    runs = sorted(path.parent for path in folder.glob("*/status.json"))
    if not runs:
        return ""
    try:
        states = [json.loads((run / "status.json").read_text("utf-8"))["status"] for run in runs]
        files = {f"{run.name}/{name}": run / name for run in runs for name in KEPT}
        # Not Hydra's own account of a sweep, which names the machine's folders.
        plans = (path for path in (folder / "sweeps").iterdir() if path.suffix != ".yaml")
        files |= {f"sweeps/{path.name}": path for path in plans}
        if waiting := sum(state not in ("done", "diverged") for state in states):
            return f"{study}: not packed, {waiting} of {len(runs)} runs have not ended"
        contents = {name: path.read_bytes() for name, path in files.items()}
    except (OSError, ValueError, KeyError) as error:
        raise Refused(f"{study}: cannot be packed: {error}") from None
    if path_of(study).is_file():
        kept = read(study)
        if {name for name in kept if name.endswith("/status.json")} - set(contents):
            raise Refused(f"{study}: {folder} lacks runs that are packed; delete {path_of(study)} to publish fewer")
        if contents == {name: kept[name] for name in kept if name != PLAN and not name.startswith("report/")}:
            return f"{study}: packed already"
    latest = read_plans(folder).sweeps[-1]
    plan = {"command": latest.command, "references": [dataclasses.asdict(each) for each in latest.references]}
    with tempfile.TemporaryDirectory() as place:
        top = report(outputs, study, Path(place))
        kept = [top / "summary.json", *top.rglob("pairs.csv"), *top.rglob("runs.csv")]
        kept += [top / PAGE] * (DOCUMENT not in study)
        contents |= {f"report/{path.relative_to(top)}": path.read_bytes() for path in kept}
        write(study, contents | {PLAN: json.dumps(plan, indent=1).encode()})
        for figure in sorted(top.glob("figures/effects*.png"))[:1] or sorted(top.glob("figures/boundaries.png")):
            if DOCUMENT not in study:
                (DATA / f"{study}.png").write_bytes(figure.read_bytes())
    return f"{study}: packed, {len(runs)} runs"


def report(outputs: Path, study: str, place: Path) -> Path:
    """The folder, within `place`, of the study's report; those of its parts, if it has any, lie below."""
    # From the folder above: the page tells commands with this path, which is to be nobody's own.
    told = [Path(sys.executable).with_name("lenet-report"), outputs.resolve().name, "--study", study]
    done = subprocess.run(
        [*told, "--out", place, "--formats", "png"], capture_output=True, text=True, cwd=outputs.resolve().parent
    )
    if done.returncode:
        raise Refused(f"{study}: its report failed: {done.stderr.strip()}")
    return min(place.rglob("summary.json"), key=lambda path: len(path.parts)).parent


def packed() -> list[str]:
    """The studies that are packed, in their order."""
    return [study for study in STUDIES if path_of(study).is_file()]


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
    """Read a packed study.

    Raises:
        Damaged: Its archive cannot be read, or its report is not of its runs.
    """
    files = read(study)
    plan = json.loads(files[PLAN])
    results = {}
    for run in (name.partition("/")[0] for name in files if name.endswith("/result.json")):
        epochs = pd.read_csv(io.BytesIO(files[f"{run}/metrics.csv"]))
        results[run] = json.loads(files[f"{run}/result.json"]) | {
            "settings": flat(yaml.safe_load(files[f"{run}/config.yaml"])),
            "best_test_accuracy": float(epochs["test_accuracy"].max()),
        }
    check_report(
        study, files, {run: own["final"]["test_accuracy"] for run, own in results.items() if own["status"] == "done"}
    )
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
    return Packed(study, plan["command"], plan["references"], sentences, found["warnings"], together, results)
