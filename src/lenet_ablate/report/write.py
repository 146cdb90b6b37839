"""The report on disk: written file by file, and rid of what an earlier report left behind."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from lenet_ablate.atomic import write_bytes
from lenet_ablate.errors import RecordError

MANIFEST = "manifest.json"


def write_report(out: Path, files: Mapping[str, bytes], *, is_own: bool = True) -> None:
    """Write a report's files and remove those that the last report wrote, unchanged since, and this one does not.

    Args:
        out: Folder of the report; made where missing. Whatever else lies in it stays.
        files: Content by path within `out`, with `/` between folders.
        is_own: Whether the folder is for reports alone; in another one, without a report so far, nothing is replaced.

    Raises:
        RecordError: A folder or file cannot be written, or is somebody else's.
    """
    earlier = _read_manifest(out)
    is_known = is_own or (out / MANIFEST).exists()
    foreign = [] if is_known else [name for name in sorted(files) if (out / name).exists()]
    if foreign:
        raise RecordError(
            f"{out / foreign[0]}: was not written by a report; delete it, or choose another folder with --out"
        )
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    _make_folder(out)
    # Named before they are written, so that after an interruption they are known as a report's own.
    _write_manifest(out, earlier | digests)
    for name, data in sorted(files.items()):
        _make_folder((out / name).parent)
        write_bytes(out / name, data, flush=False)
    _write_manifest(out, digests)
    for name in sorted(earlier.keys() - digests.keys(), reverse=True):
        _remove(out, name, earlier[name])


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecordError(f"{folder}: cannot be made: {error.strerror or error}") from error


def _write_manifest(out: Path, digests: Mapping[str, str]) -> None:
    text = json.dumps({"files": dict(digests)}, indent=1, sort_keys=True) + "\n"
    write_bytes(out / MANIFEST, text.encode(), flush=False)


def _read_manifest(out: Path) -> dict[str, str]:
    """Digest by path of what the last report wrote; empty where that is not known."""
    try:
        files = json.loads((out / MANIFEST).read_bytes())["files"]
        return {str(name): str(digest) for name, digest in files.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _remove(out: Path, name: str, digest: str) -> None:
    """Remove a stale file and the folders it leaves empty; a file that was changed since is the user's."""
    path = out / name
    with contextlib.suppress(OSError):  # what cannot be removed stays; the new report is complete without it
        inside = path.resolve().is_relative_to(out.resolve())  # the manifest may have been tampered with
        if inside and _digest(path) == digest:
            path.unlink()
            for folder in path.relative_to(out).parents[:-1]:
                (out / folder).rmdir()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
