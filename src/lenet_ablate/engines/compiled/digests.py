"""Whether compiled code on disk is what was once compiled: it is executed, so it is compared before it is loaded."""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path

from lenet_ablate.records.atomic import write_bytes

DIGESTS = "digests.json"
MAX_BYTES = 1 << 20


def is_whole(folder: Path) -> bool:
    """Whether a folder of Numba's holds the very files that were signed there, and no others."""
    try:
        with (folder / DIGESTS).open("rb") as file:
            signed = json.loads(file.read(MAX_BYTES))
        return isinstance(signed, dict) and bool(signed) and signed == _digests(folder)
    except (OSError, ValueError, RecursionError):
        return False


def sign(folder: Path) -> None:
    """Sign what lies in a folder now; for who has compiled it, or has compared what lay there before.

    Raises:
        RecordError: It cannot be written.
    """
    write_bytes(folder / DIGESTS, json.dumps(_digests(folder), indent=1, sort_keys=True).encode(), flush=False)


def discard(folder: Path) -> None:
    """Remove what cannot be trusted, so that it is compiled again."""
    with contextlib.suppress(OSError):
        for path in [folder / DIGESTS, *_files(folder)]:
            path.unlink(missing_ok=True)


def _files(folder: Path) -> list[Path]:
    return [*folder.glob("*.nbi"), *folder.glob("*.nbc")]


def _digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(_files(folder))}
