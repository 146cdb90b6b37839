"""Claims as files, for file systems whose locks do not work: slower, and outlived by their owners' deaths.

A claim is a file that only one process can have created. Of an owner that has died (`presence.Watch`) it is taken over
by creating a second file, whose name is the digest of what the first one holds: nobody else can create that one, and a
claim that is made later holds, and so leads to, something else. A taker that dies in turn is succeeded in the same way,
so a run's claim is a chain, and its last link's owner has it. Whoever releases a run removes the first link first; who
has become the last link of a chain looks once more whether that still begins as it did.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import time
from collections.abc import Iterator
from pathlib import Path

from lenet_ablate.errors import RecordError
from lenet_ablate.records.presence import STALE_SECONDS, Presence, Process, Watch
from lenet_ablate.rendering.failures import system_reason

MAX_LINKS, MAX_BYTES = 100, 4096


class ClaimFiles:
    """The claims of one process on the runs of a study.

    Args:
        locks: The study's folder of claims.
        presence: Shows that this process lives.
    """

    def __init__(self, locks: Path, presence: Presence) -> None:
        self._locks = locks
        self._owner = presence.process.name
        self._watch = Watch(presence.folder)
        self._numbers = itertools.count()

    @contextlib.contextmanager
    def claim(self, run: str) -> Iterator[bool]:
        """Whether the run named is this process's to write now.

        Raises:
            RecordError: No claim can be written.
        """
        try:
            links = self._take(run)
        except OSError as error:
            raise RecordError(f"{self._locks}: cannot be written: {system_reason(error, self._locks)}") from error
        try:
            yield bool(links)
        finally:
            self._release(links)

    def _take(self, run: str) -> list[tuple[Path, bytes]]:
        """The links from the first to this process's own, the last, with what they hold; none where it is another's."""
        mine = f"{self._owner} {next(self._numbers)}\n".encode()
        path = self._locks / f"{run}.claim"
        links: list[tuple[Path, bytes]] = []
        while len(links) < MAX_LINKS:
            started = time.monotonic()
            if _create(path, mine):
                is_slow = time.monotonic() - started > STALE_SECONDS / 2  # somebody may have given it up for dead
                links.append((path, mine))
                if is_slow or (len(links) > 1 and _read(links[0][0]) != links[0][1]):
                    path.unlink(missing_ok=True)
                    return []
                return links
            held = _read(path)
            if held is None or not self._is_dead(path, held):
                return []
            links.append((path, held))
            path = self._locks / f"{run}.{hashlib.sha256(held + bytes(path.name, 'utf-8')).hexdigest()[:16]}.claim"
        return []

    def _is_dead(self, path: Path, held: bytes) -> bool:
        process = Process(held.decode("utf-8", "replace").partition(" ")[0])
        if process.is_readable and held.endswith(b"\n"):
            return self._watch.is_dead(process)
        return self._watch.is_still(path.name, len(held))  # its owner died before it had written who it is

    def _release(self, links: list[tuple[Path, bytes]]) -> None:
        with contextlib.suppress(OSError):
            if links and _read(links[0][0]) == links[0][1]:  # else others took this process for dead
                for path, _ in links:
                    path.unlink(missing_ok=True)


def _create(path: Path, content: bytes) -> bool:
    """Create a file, unless there is one."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    except FileExistsError:
        return False
    try:
        os.write(descriptor, content)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    return True


def _read(path: Path) -> bytes | None:
    """What a claim holds; None where there is none."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES)
    except FileNotFoundError:
        return None
