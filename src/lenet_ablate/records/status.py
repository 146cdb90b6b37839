"""Where a run stands, as its status.json says."""

from __future__ import annotations

import datetime
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lenet_ablate.errors import RecordError
from lenet_ablate.records.atomic import is_aside
from lenet_ablate.records.fields import Fields, fields_of
from lenet_ablate.records.files import MissingFileError, is_plain, parse_json, read_file
from lenet_ablate.records.record import CONFIG, FORMAT, METRICS, MODEL, PREDICTIONS, RESULT, STATUS, State
from lenet_ablate.rendering.escape import one_line

STALE_SECONDS = 120  # several times the pause between two heartbeats, which come with the checkpoints
MAX_BYTES = 16 << 20  # 100,000 epochs whose weights are kept
MAX_FILES = 100_100
MAX_TEXT, MAX_ERROR = 1_000_000, 2000
LAUNCH = "LENET_ABLATE_LAUNCH"
"""Variable of a process that names the launch it belongs to: copies of one command that a launcher started together."""
_DIGEST = re.compile("[0-9a-f]{64}")
_MUST_HAVE = {
    State.done: frozenset({CONFIG, METRICS, RESULT, MODEL, PREDICTIONS}),
    State.diverged: frozenset({CONFIG, METRICS, RESULT}),
}


class OtherVersionError(RecordError):
    """A record was written by another version of this program."""


@dataclass(frozen=True)
class RunStatus:
    """A run's status.json.

    Attributes:
        state: Where it stands; a run whose heartbeat stopped counts as interrupted.
        identity: SHA-256 of its settings, 64 hex digits.
        files: SHA-256 by name of the files that belong to a finished run; empty before.
        error: Why it failed, in one line; empty where it did not.
        owner_pid: Number of the process that trains it, on its own host; None where none does.
        launch: In which launch it failed, so that its other copies need not try it, too; empty where in none.
    """

    state: State
    identity: str
    files: Mapping[str, str] = field(default_factory=dict)
    error: str = ""
    owner_pid: int | None = None
    launch: str = ""


def read_status(folder: Path) -> RunStatus:
    """The status of the run in a folder.

    Raises:
        OtherVersionError: It is of a format that this version does not know.
        RecordError: It is missing, cannot be read, or is not as this program writes it.
    """
    try:
        content = read_file(folder, STATUS, MAX_BYTES)
    except MissingFileError:
        return _unsigned(folder)
    return _status_of(content)


def _unsigned(folder: Path) -> RunStatus:
    """The status of a run without one, whose short training was over when its process was killed: it is interrupted.

    What was to call it finished lies there under a temporary name.
    """
    missing = MissingFileError(f"{STATUS} is missing")
    try:
        names = [name for name in os.listdir(folder) if is_aside(name, STATUS)]  # noqa: PTH208 # names alone are wanted
    except OSError:
        raise missing from None
    for name in names:
        try:
            identity = _status_of(read_file(folder, name, MAX_BYTES)).identity
        except RecordError:  # torn
            continue
        return RunStatus(State.interrupted, identity)
    raise missing


def _status_of(content: bytes) -> RunStatus:
    try:
        values = fields_of(parse_json(content, MAX_FILES + 100), STATUS)
        if values.values.get("format") != FORMAT:
            found = values.values.get("format")
            if not isinstance(found, int) or isinstance(found, bool) or not 0 < found < 1000:
                raise values.error("format", "must be a small whole number")
            raise OtherVersionError(f"format {found} is not known to this version")
        return _parse(values)
    except OtherVersionError:
        raise
    except RecordError as error:
        text = str(error)
        raise RecordError(text if text.startswith(STATUS) else f"{STATUS} {text}") from None


def _parse(values: Fields) -> RunStatus:
    try:
        state = State(values.needed("status"))
    except (ValueError, TypeError):
        raise values.error("status", "is none that this version knows") from None
    identity = values.needed("identity")
    if not isinstance(identity, str) or not _DIGEST.fullmatch(identity):
        raise values.error("identity", "must be a SHA-256 in hex")
    if state is State.running and _is_dead(values):
        state = State.interrupted
    files = _files(values) if state.is_finished else {}
    owner = values.fields("owner") if state is State.running else None
    pid = _pid(owner) if owner else None
    error = one_line(values.text("error", MAX_TEXT) or "", MAX_ERROR)
    launch = one_line(values.text("launch", MAX_TEXT) or "", MAX_ERROR) if state is State.failed else ""
    return RunStatus(state, identity, files, error, pid, launch)


def missing_files(status: RunStatus) -> list[str]:
    """The files that a run in this state must have signed and has not, in the order of their names."""
    return sorted(_MUST_HAVE.get(status.state, frozenset()) - status.files.keys())


def _files(values: Fields) -> dict[str, str]:
    files = values.fields("files")
    if files is None:
        raise RecordError(f"{STATUS} names no files, though the run is said to be finished")
    for name, digest in files.values.items():
        if not is_plain(name):
            raise RecordError(f"{STATUS}: a file's name leads out of the folder: {ascii(name)[:80]}")
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise RecordError(f"{STATUS}: {name} must have a SHA-256 in hex")
    return dict(files.values)


def _is_dead(values: Fields) -> bool:
    """Whether the process that trains a run has ended or says nothing any more; a bad sign of life is none."""
    try:
        beat = datetime.datetime.fromisoformat(values.text("heartbeat", 100) or "")
        age = (datetime.datetime.now(datetime.UTC) - beat).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return True
    owner = values.fields("owner")
    return age > STALE_SECONDS or owner is None or _is_gone(owner)


def _pid(owner: Fields) -> int | None:
    return owner.whole("pid", 1, 2**31 - 1)


def _is_gone(owner: Fields) -> bool:
    """Whether the process that trains a run has ended; unknown, and so no, for another host's."""
    pid = _pid(owner)
    if os.name == "nt" or pid is None or owner.text("host") != socket.gethostname():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False
