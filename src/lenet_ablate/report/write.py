"""The report on disk: written file by file, and rid of what an earlier report left behind."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from lenet_ablate.errors import RecordError
from lenet_ablate.records.atomic import make_folder, write_bytes
from lenet_ablate.records.fields import Fields, fields_of
from lenet_ablate.records.files import digest_file, is_inside, read_json

MANIFEST = "manifest.json"
MAX_MANIFEST_BYTES, MAX_FILES, MAX_FILE_BYTES = 64 << 20, 1_000_000, 1 << 30
NOTHING: Mapping[str, str] = {}


def is_current(out: Path, made_from: str) -> bool:
    """Whether a folder holds, whole and untouched, the report that was made from the same."""
    try:
        manifest = _manifest(out)
        files = manifest.fields("files")
        is_same = manifest.text("made_from") == made_from and files is not None
        return is_same and all(_digest(out, name) == digest for name, digest in _digests(files).items())
    except RecordError:
        return False


def refuse_foreign(out: Path, names: Iterable[str]) -> None:
    """Raise a RecordError where files of these names are there, and no report wrote them."""
    foreign = [] if (out / MANIFEST).exists() else [name for name in sorted(names) if (out / name).exists()]
    if foreign:
        raise RecordError(
            f"{out / foreign[0]}: was not written by a report; delete it, or choose another folder with --out"
        )


def write_report(
    out: Path, files: Mapping[str, bytes], *, made_from: str = "", beside: Mapping[str, str] = NOTHING
) -> None:
    """Write a report's files and remove those that the last report wrote, unchanged since, and this one does not.

    Args:
        out: Folder of the report; made where missing. Whatever else lies in it stays.
        files: Content by path within `out`, with `/` between folders.
        made_from: What tells whether it is still the same report; see `is_current`.
        beside: Digest by path of the report's files that are written already.

    Raises:
        RecordError: A folder or file cannot be written.
    """
    earlier = _read_manifest(out)
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()} | dict(beside)
    make_folder(out)
    # Named before they are written, so that after an interruption they are known as a report's own.
    _write_manifest(out, earlier | digests)
    for name, data in sorted(files.items()):
        make_folder((out / name).parent)
        write_bytes(out / name, data, flush=False)
    _write_manifest(out, digests, made_from)
    for name in sorted(earlier.keys() - digests.keys(), reverse=True):
        _remove(out, name, earlier[name])


def report_digests(out: Path) -> dict[str, str]:
    """Digest by path of a report's files, its manifest among them."""
    return _read_manifest(out) | {MANIFEST: _digest(out, MANIFEST)}


def _write_manifest(out: Path, digests: Mapping[str, str], made_from: str = "") -> None:
    content = {"made_from": made_from, "files": dict(digests)}
    text = json.dumps(content, indent=1, sort_keys=True) + "\n"
    write_bytes(out / MANIFEST, text.encode(), flush=False)


def _read_manifest(out: Path) -> dict[str, str]:
    """Digest by path of what the last report wrote; empty where that is not known."""
    try:
        return _digests(_manifest(out).fields("files"))
    except RecordError:
        return {}


def _manifest(out: Path) -> Fields:
    return fields_of(read_json(out, MANIFEST, MAX_MANIFEST_BYTES, MAX_FILES), MANIFEST)


def _digests(files: Fields | None) -> dict[str, str]:
    """Digest by path, of paths that stay in the report's folder: the manifest may have been tampered with."""
    found = {} if files is None else files.values
    return {name: digest for name, digest in found.items() if is_inside(name) and isinstance(digest, str)}


def _remove(out: Path, name: str, digest: str) -> None:
    """Remove a stale file and the folders it leaves empty; a file that was changed since is the user's."""
    path = out / name
    with contextlib.suppress(OSError, RuntimeError, RecordError):  # what stays does no harm
        if path.resolve().is_relative_to(out.resolve()) and _digest(out, name) == digest:
            path.unlink()
            for folder in path.relative_to(out).parents[:-1]:
                (out / folder).rmdir()


def _digest(out: Path, name: str) -> str:
    return digest_file(out, name, MAX_FILE_BYTES)
