"""What changes runs on disk: removed, put away, brought back, noted, tagged, and studies renamed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from lenet_ablate.config.settings import Options, iter_settings
from lenet_ablate.errors import ConfigError, RecordError
from lenet_ablate.records.archive import archive_run, remove_run, rename_study, restore_run
from lenet_ablate.records.notes import NO_NOTES, Notes, parse_note, parse_tag, read_notes, with_tags, write_notes
from lenet_ablate.records.record import State
from lenet_ablate.rendering.console import say, warn
from lenet_ablate.rendering.escape import one_line
from lenet_ablate.runs.collect import Entry

SHOWN = 10


def remove(entries: Sequence[Entry], *, is_sure: bool) -> int:
    """Delete runs once the user agrees; returns the exit status."""
    return _change(entries, "remove", "removed", lambda entry: remove_run(entry.record.folder), is_sure)


def archive(entries: Sequence[Entry], *, is_sure: bool) -> int:
    """Put runs away once the user agrees; returns the exit status."""
    return _change(entries, "archive", "archived", lambda entry: archive_run(entry.record.folder), is_sure)


def restore(entries: Sequence[Entry]) -> int:
    """Bring archived runs back; returns the exit status."""
    return _change(entries, "restore", "restored", lambda entry: restore_run(entry.study, entry.name), True)


def rename(study: Path, name: str) -> Path:
    """Give a study another name, and say what that means; returns its folder.

    Raises:
        ConfigError: It is no name for a study.
        RecordError: It cannot have it.
    """
    check = next(field for key, field in iter_settings() if key == "study").metadata["check"]
    try:
        check(name)
    except ValueError as error:
        raise ConfigError(f"{one_line(name)}: {error}") from None
    target = rename_study(study, name)
    say(f"{one_line(study)} is now {target}")
    usual = name == Options().study
    say(f"its runs are found by commands {'without study=…' if usual else f'with study={name}'} from now on")
    return target


def annotate(entries: Sequence[Entry], note: str) -> None:
    """Write a note beside runs, in place of another; an empty one takes it away.

    Raises:
        LenetAblateError: It is too long, or cannot be written.
    """
    text = parse_note(note)
    _write(entries, lambda notes: Notes(text, notes.tags))
    say(f"{'noted' if text else 'no note any more'}: {_names(entries)}")


def tag(entries: Sequence[Entry], tags: Sequence[str], *, is_removed: bool) -> None:
    """Give runs some tags, or take them away.

    Raises:
        LenetAblateError: One is no tag, or they cannot be written.
    """
    words = [parse_tag(word) for word in tags]
    _write(entries, lambda notes: with_tags(notes, words, removed=is_removed))
    say(f"{'untagged' if is_removed else 'tagged'} {' '.join(words)}: {_names(entries)}")


def _write(entries: Sequence[Entry], change: Callable[[Notes], Notes]) -> None:
    for entry in entries:
        if entry.record.state is State.planned:
            raise RecordError(f"{entry.label}: has not begun, so there is nothing to write beside")
        notes = read_notes(entry.record.folder)
        if notes.problem:
            warn(f"lenet-runs: {entry.label}: {notes.problem}; it is written anew")
            notes = NO_NOTES
        write_notes(entry.record.folder, change(notes))


def _change(entries: Sequence[Entry], word: str, done: str, change: Callable[[Entry], object], is_sure: bool) -> int:
    there = [entry for entry in entries if entry.record.state is not State.planned]
    if not there:
        raise RecordError(f"nothing to {word}: {_names(entries)}: has not begun")
    if not is_sure and not _agrees(there, word):
        say(f"nothing was {done}")
        return 1
    failed = 0
    for entry in there:
        try:
            change(entry)
        except RecordError as error:
            failed += 1
            warn(f"lenet-runs: {error}")
        else:
            say(f"{done} {entry.label}")
    if failed and len(there) > 1:
        warn(f"lenet-runs: {len(there) - failed} of {len(there)} {done}")
    return int(failed > 0)


def _agrees(entries: Sequence[Entry], word: str) -> bool:
    for entry in entries[:SHOWN]:
        say(f"  {entry.label}  {entry.record.state.value}")
    if len(entries) > SHOWN:
        say(f"  … {len(entries) - SHOWN:,} more")
    if sys.stdin is None or not sys.stdin.isatty():
        warn(f"lenet-runs: nobody can be asked here; --yes does it: {word} {_count(entries)}")
        return False
    say(f"{word} {_count(entries)}? [y/N] ", end="")
    try:
        return sys.stdin.readline().strip().lower() in ("y", "yes")
    except (OSError, ValueError):
        return False


def _count(entries: Sequence[Entry]) -> str:
    return f"{len(entries):,} run{'s' if len(entries) != 1 else ''}"


def _names(entries: Sequence[Entry]) -> str:
    return entries[0].label if len(entries) == 1 else _count(entries)
