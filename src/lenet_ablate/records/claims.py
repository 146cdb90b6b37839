"""Which of several sweeps in one study a run belongs to for now; a claim ends with its process.

A claim is a lock, or where locks do not work a file (`claim_files`). A study has one kind: who asks for files once has
them there from then on, so that no sweep claims by lock what another one has claimed by file.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from lenet_ablate.config.choices import Claim
from lenet_ablate.errors import RecordError
from lenet_ablate.records.atomic import make_folder
from lenet_ablate.records.claim_files import ClaimFiles
from lenet_ablate.records.locks import LOCKS, fault_between, fault_within, lock
from lenet_ablate.records.presence import Presence, has_company, has_company_by_locks, locks_that_do_not_count
from lenet_ablate.records.record import State
from lenet_ablate.records.status import read_status
from lenet_ablate.rendering.failures import system_reason

BY_FILES = "claims-are-files"
"""Marks a study whose claims are files."""


class Claims:
    """The claims of one process on the runs of a study.

    Attributes:
        has_company: Whether another process was at work in the study when this one began.

    Args:
        study: The folder of the runs.
        files: What claims runs by files; None: locks do.
        is_locked: Whether locks can be trusted. If not, only a run at which another process is already is refused.
        has_company: See above.
    """

    def __init__(
        self, study: Path, files: ClaimFiles | None = None, *, is_locked: bool = True, has_company: bool = False
    ) -> None:
        self._study, self._files, self._is_locked = study, files, is_locked
        self.has_company = has_company

    @contextlib.contextmanager
    def claim(self, run: str) -> Iterator[bool]:
        """Whether the run named is this process's to write now.

        Raises:
            RecordError: It can neither be claimed nor be waited for.
        """
        if self._files is not None:
            with self._files.claim(run) as is_mine:
                yield is_mine
        elif self._is_locked:
            with _lock(self._study / LOCKS / f"{run}.lock") as is_mine:
                yield is_mine
        else:
            yield not _is_taken(self._study / run)


@contextlib.contextmanager
def open_claims(study: Path, kind: Claim, tell: Callable[[str], None]) -> Iterator[Claims]:
    """What claims runs for a sweep, tested against another process and the other machines that are at work there.

    Args:
        study: The folder of the runs; made if need be.
        kind: How runs are claimed, unless the study's are files already.
        tell: Takes a line where something takes seconds.

    Raises:
        RecordError: The folder cannot be written, or its file system keeps no locks that can be trusted.
    """
    locks = study / LOCKS
    make_folder(locks)
    was_by_files = _is_by_files(locks)
    by_files = kind is Claim.files or was_by_files
    try:
        if kind is Claim.files:
            (locks / BY_FILES).touch()
        fault = "" if by_files else fault_between(locks)
    except OSError as error:
        raise RecordError(f"{locks}: cannot be written: {system_reason(error, locks)}") from error
    if fault:
        raise RecordError(_no_locks(study, fault))
    with Presence(locks, is_locked=not by_files) as presence:
        if by_files:
            if has_company_by_locks(presence, tell):
                if not was_by_files:
                    (locks / BY_FILES).unlink(missing_ok=True)
                raise RecordError(
                    f"{study}: a sweep at work there claims runs by locks; claim=files can begin after it"
                )
            if kind is Claim.locks:
                tell(f"{study}: its runs are claimed by files, as an earlier command asked for; so does this one")
            yield Claims(study, ClaimFiles(locks, presence), has_company=has_company(presence))
            return
        if _is_by_files(locks):
            raise RecordError(
                f"{study}: another sweep begins to claim its runs by files; the same command again follows it"
            )
        if host := locks_that_do_not_count(presence, tell):
            raise RecordError(_no_locks(study, f"those of {host}, which is at work there, do not count here"))
        yield Claims(study, has_company=has_company(presence))


@contextlib.contextmanager
def claims_in(study: Path) -> Iterator[Claims]:
    """What claims runs for a moment, as for moving one; where locks do not work, by what the runs' records say.

    Raises:
        RecordError: The folder of claims cannot be made or written.
    """
    locks = study / LOCKS
    make_folder(locks)
    if _is_by_files(locks):
        with Presence(locks, is_locked=False) as presence:
            yield Claims(study, ClaimFiles(locks, presence))
        return
    try:
        fault = fault_within(locks)
    except OSError as error:
        raise RecordError(f"{locks}: cannot be written: {system_reason(error, locks)}") from error
    yield Claims(study, is_locked=not fault)


def _is_by_files(locks: Path) -> bool:
    return os.path.lexists(locks / BY_FILES)


def _no_locks(study: Path, fault: str) -> str:
    return (
        f"{study}: its file system keeps no locks that can be trusted ({fault}); nothing was trained; "
        f"claim=files claims runs by files there, or output_dir=… names another place"
    )


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[bool]:
    with contextlib.ExitStack() as held:
        try:
            is_mine = held.enter_context(lock(path))
        except OSError as error:
            raise RecordError(f"{path}: cannot be locked: {system_reason(error, path)}") from error
        yield is_mine


def _is_taken(folder: Path) -> bool:
    try:
        status = read_status(folder)
    except RecordError:  # no run yet, or none that anybody is at
        return False
    return status.state is State.running and status.owner_pid != os.getpid()
