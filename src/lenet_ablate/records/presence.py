"""Which processes are at work in a study: each keeps a file there that shows signs of life as long as it lives.

Whether a process on another machine lives is judged by whether its sign of life changes while it is watched, never by
comparing clocks: those of two machines, or of a machine and its file server, need not agree.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType

from lenet_ablate.errors import RecordError
from lenet_ablate.records.atomic import make_folder
from lenet_ablate.records.locks import is_held_elsewhere
from lenet_ablate.rendering.failures import system_reason

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

PRESENT = "present"
BEAT_SECONDS = 2.0
"""Between two signs of life."""
WATCH_SECONDS = 4 * BEAT_SECONDS
"""How long another machine's silent process is watched at the start, before its file is swept away."""
STALE_SECONDS = 30 * BEAT_SECONDS
"""How long a process shows no sign of life until what it claimed is taken over."""
BY_LOCKS = "-locks"
_NAME = re.compile(
    r"(?P<host>[A-Za-z0-9._-]{1,64})@(?P<machine>[0-9a-f]{0,24})@(?P<pid>\d{1,10})@(?P<since>\d{1,20})@.*"
)


@dataclass(frozen=True)
class Process:
    """A process, as its file is called.

    Attributes:
        name: What no other process on any machine is called, at any time.
    """

    name: str

    @classmethod
    def this(cls, *, is_locked: bool = False) -> Process:
        """This process, which claims by locks or by files; each call makes another name for it."""
        pid, kind = os.getpid(), BY_LOCKS if is_locked else ""
        return cls(f"{_host()}@{_machine()}@{pid}@{_since(pid)}@{secrets.token_hex(4)}{kind}")

    @property
    def is_locked(self) -> bool:
        """Whether it claims by locks."""
        return self.name.endswith(BY_LOCKS)

    @property
    def is_readable(self) -> bool:
        """Whether the name is of the form that processes here have."""
        return self._parts is not None

    @property
    def host(self) -> str:
        """Its machine's name, for people."""
        return self._parts["host"] if self._parts else "another machine"

    @property
    def pid(self) -> int:
        """Its number on its machine; 0 where the name does not say."""
        return int(self._parts["pid"]) if self._parts else 0

    @property
    def is_here(self) -> bool:
        """Whether it is a process of this machine, and can be seen from here."""
        parts = self._parts
        return parts is not None and bool(_machine()) and (self.host, parts["machine"]) == (_host(), _machine())

    @property
    def is_gone(self) -> bool:
        """Whether it is one of this machine that has ended, even if another one has its number meanwhile."""
        parts = self._parts
        return parts is not None and self.is_here and _since(self.pid) != int(parts["since"])

    @property
    def may_be_here(self) -> bool:
        """Whether it may be a process of this machine: one of the same name that tells no more of itself."""
        return self.is_here or bool(self._parts and not self._parts["machine"] and self.host == _host())

    @cached_property
    def _parts(self) -> re.Match[str] | None:
        return _NAME.fullmatch(self.name)


class Presence:
    """The file that says that this process is at work in a study; a context.

    Args:
        locks: The study's folder of claims, which is there.
        is_locked: Whether it is also locked, so that other machines can see whether locks count for them.

    Raises:
        RecordError: On entering: it cannot be written.
    """

    def __init__(self, locks: Path, *, is_locked: bool) -> None:
        self.process = Process.this(is_locked=is_locked)
        self.folder = locks / PRESENT
        self._path = self.folder / self.process.name
        self._is_locked = is_locked and fcntl is not None
        self._end = threading.Event()
        self._close = contextlib.ExitStack()

    def __enter__(self) -> Presence:
        make_folder(self.folder)
        try:
            file = self._close.enter_context(self._path.open("xb"))
            self._close.callback(self._remove)
            if self._is_locked:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._close.close()
            raise RecordError(f"{self._path}: cannot be written: {system_reason(error, self._path)}") from error
        thread = threading.Thread(target=self._beat, name="signs-of-life", daemon=True)
        thread.start()
        self._close.callback(thread.join)
        self._close.callback(self._end.set)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close.close()

    def _beat(self) -> None:
        while not self._end.wait(BEAT_SECONDS):
            with contextlib.suppress(OSError):  # whoever watches waits for several
                os.utime(self._path)

    def _remove(self) -> None:
        with contextlib.suppress(OSError):
            self._path.unlink()


def locks_that_do_not_count(presence: Presence, tell: Callable[[str], None]) -> str:
    """The name of another machine whose locks this one does not see; empty where there is none.

    A file of a living process there must be locked. Where one is not, it is watched for some seconds: with a sign of
    life the machines keep their locks apart; without, the process is dead, and its file is removed.
    """
    if fcntl is None:
        return ""
    loose = {}
    for process in _others(presence):
        path = presence.folder / process.name
        with contextlib.suppress(OSError):
            if process.is_gone:
                path.unlink()
            elif process.is_locked and not process.may_be_here:
                if is_held_elsewhere(path):
                    return ""
                loose[process] = _sign(path)
    if not loose:
        return ""
    hosts = ", ".join(sorted({process.host for process in loose}))
    tell(f"looking for {WATCH_SECONDS:g} s whether {hosts} is still at work in this study")
    until = time.monotonic() + WATCH_SECONDS
    while time.monotonic() < until:
        time.sleep(BEAT_SECONDS / 4)
        for process, sign in loose.items():
            if _sign(presence.folder / process.name) not in (sign, None):
                return process.host
    for process in loose:
        with contextlib.suppress(OSError):
            (presence.folder / process.name).unlink()
    return ""


def has_company_by_locks(presence: Presence, tell: Callable[[str], None]) -> bool:
    """Whether a living process that claims by locks is at work in the study; another machine's is watched."""
    others = [process for process in _others(presence) if process.is_locked]
    if any(process.may_be_here and not process.is_gone for process in others):
        return True
    if any(is_held_elsewhere(presence.folder / process.name) for process in others if not process.may_be_here):
        return True
    return bool(locks_that_do_not_count(presence, tell))


def has_company(presence: Presence) -> bool:
    """Whether another process is at work in the study, as far as can be told at once."""
    return any(not process.is_gone for process in _others(presence))


@dataclass
class Watch:
    """Who is dead, from watching signs of life for as long as this process has been looking.

    Attributes:
        folder: Where the processes' files lie.
    """

    folder: Path
    _seen: dict[str, tuple[int | None, float]] = field(default_factory=dict)

    def is_dead(self, process: Process) -> bool:
        """Whether a process has ended, or has shown no sign of life since it was first asked for long enough ago."""
        if process.is_here:
            return process.is_gone
        return self.is_still(process.name, _sign(self.folder / process.name))

    def is_still(self, name: str, sign: int | None) -> bool:
        """Whether what was told of a name has been the same for `STALE_SECONDS`, by this machine's clock alone."""
        now = time.monotonic()
        before, since = self._seen.get(name, (sign, now))
        if before != sign:
            since = now
        self._seen[name] = sign, since
        return now - since > STALE_SECONDS


def _others(presence: Presence) -> Iterator[Process]:
    with contextlib.suppress(OSError), os.scandir(presence.folder) as entries:
        for entry in entries:
            process = Process(entry.name)
            if process.is_readable and entry.name != presence.process.name:
                yield process


def _sign(path: Path) -> int | None:
    """The latest sign of life; a file on a network is opened for it, since what is known of it may be old otherwise."""
    try:
        with path.open("rb") as file:
            return os.fstat(file.fileno()).st_mtime_ns
    except OSError:
        return None


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname())[:64] or "-"


def _machine() -> str:
    """What tells machines of one name apart: this start of the system, and the space of process numbers within it."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").replace("-", "")[:12]
        space = re.sub(r"\D", "", os.readlink("/proc/self/ns/pid"))  # noqa: PTH115 # no file, but a name
    except OSError:
        return ""
    return f"{boot}{int(space or 0) % 16**12:x}"


def _since(pid: int) -> int:
    """When a process began, in ticks since the system did; 0 where there is no such process, or nobody can tell."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return int(stat.rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return 0
