"""An archive of a published study: small files, the same bytes for the same study, written whole or not at all."""

import hashlib
import io
import json
import lzma
import tarfile
from pathlib import Path

import pandas as pd

DATA = Path(__file__).resolve().parents[2] / "docs/results/data"
SUFFIX = ".tar.xz"  # whose files share what they repeat; as zips the archives take two thirds more


class Damaged(Exception):
    """An archive that cannot be read, or does not hold what it says; its words name it."""


def path_of(study: str) -> Path:
    """Where a study's archive lies, if it is packed."""
    return DATA / f"{study}{SUFFIX}"


def write(study: str, contents: dict[str, bytes]) -> None:
    """Write a study's archive, without times or owners, all of it in a folder named as the study."""
    DATA.mkdir(parents=True, exist_ok=True)
    beside = DATA / f".{study}{SUFFIX}.part"
    try:
        with tarfile.open(beside, "w:xz", preset=9) as archive:
            for name, content in sorted(contents.items()):
                entry = tarfile.TarInfo(f"{study}/{name}")
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
        beside.replace(path_of(study))
    finally:
        beside.unlink(missing_ok=True)


def read(study: str) -> dict[str, bytes]:
    """Each file of a study's archive by its name.

    Raises:
        Damaged: It cannot be read, or a run's files are not those that its `status.json` gives the SHA-256 of.
    """
    path = path_of(study)
    try:
        with tarfile.open(path) as archive:
            opened = {entry.name.removeprefix(f"{study}/"): archive.extractfile(entry) for entry in archive}
            files = {name: content.read() for name, content in opened.items() if content}
        for name in [name for name in files if name.endswith("/status.json")]:
            run = name.removesuffix("status.json")
            for own, digest in json.loads(files[name])["files"].items():
                if f"{run}{own}" in files and hashlib.sha256(files[f"{run}{own}"]).hexdigest() != digest:
                    raise Damaged(f"{path}: {run}{own} differs from the SHA-256 in {name}")
    except (OSError, EOFError, KeyError, ValueError, tarfile.TarError, lzma.LZMAError) as error:
        raise Damaged(f"{path} cannot be read: {error}") from None
    return files


def check_report(study: str, files: dict[str, bytes], accuracies: dict[str, float]) -> None:
    """See that the packed report is of the packed runs: the same runs with the same last test accuracies.

    Raises:
        Damaged: It is not.
    """
    tables = [content for name, content in files.items() if name.startswith("report/") and name.endswith("runs.csv")]
    told = pd.concat([pd.read_csv(io.BytesIO(content), encoding="utf-8-sig") for content in tables])
    told = told[told["status"] == "done"].drop_duplicates("run").set_index("run")["test_accuracy"]
    if set(told.index) != set(accuracies) or any(abs(told[run] - own) > 1e-9 for run, own in accuracies.items()):
        raise Damaged(f"{path_of(study)}: its report is not of its runs; pack it again")
