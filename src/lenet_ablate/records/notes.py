"""What a user wrote beside a run: a note and tags, in notes.json. They change neither its identity nor its result."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from lenet_ablate.errors import ConfigError, RecordError
from lenet_ablate.records.atomic import write_bytes
from lenet_ablate.records.fields import fields_of
from lenet_ablate.records.files import MissingFileError, read_json
from lenet_ablate.records.record import FORMAT
from lenet_ablate.rendering.escape import one_line

NOTES = "notes.json"
MAX_NOTE, MAX_TAGS = 1000, 50
MAX_BYTES, MAX_VALUES = 64 << 10, 1000
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._:-]{0,63}")


@dataclass(frozen=True)
class Notes:
    """A run's notes.json.

    Attributes:
        note: One line; empty where there is none.
        tags: Sorted, each once.
        problem: Why the file could not be read; empty where it could, or where there is none.
    """

    note: str = ""
    tags: tuple[str, ...] = ()
    problem: str = ""


NO_NOTES = Notes()


def read_notes(folder: Path) -> Notes:
    """What was written beside the run in a folder; never raises: a file that is none costs its notes, not the run."""
    try:
        values = fields_of(read_json(folder, NOTES, MAX_BYTES, MAX_VALUES), NOTES)
        if values.needed("format") != FORMAT:
            raise RecordError(f"{NOTES} was written by another version")
        tags = values.values.get("tags") or []
        if not isinstance(tags, list) or not all(isinstance(tag, str) and _TAG.fullmatch(tag) for tag in tags):
            raise values.error("tags", "must be a list of words")
        return Notes(one_line(values.text("note", MAX_NOTE) or "", MAX_NOTE), tuple(sorted(set(tags[:MAX_TAGS]))))
    except MissingFileError:
        return NO_NOTES
    except RecordError as error:
        return Notes(problem=one_line(error))


def write_notes(folder: Path, notes: Notes) -> None:
    """Write what is noted; a file with nothing in it is removed.

    Raises:
        RecordError: It cannot be written.
    """
    if not notes.note and not notes.tags:
        try:
            (folder / NOTES).unlink(missing_ok=True)
        except OSError as error:
            raise RecordError(f"{folder / NOTES}: cannot be removed: {error.strerror}") from error
        return
    content = {"format": FORMAT, "note": notes.note, "tags": list(notes.tags)}
    write_bytes(folder / NOTES, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())


def parse_note(text: str) -> str:
    """A note as it is kept: one line without what a terminal would obey.

    Raises:
        ConfigError: It is too long.
    """
    if len(text) > MAX_NOTE:
        raise ConfigError(f"a note has at most {MAX_NOTE:,} characters, not {len(text):,}")
    return one_line(text.encode(errors="replace").decode(), MAX_NOTE)


def parse_tag(text: str) -> str:
    """A tag as it is kept.

    Raises:
        ConfigError: It is none.
    """
    if not _TAG.fullmatch(text):
        raise ConfigError(f"{one_line(text, 80)}: a tag is 1 to 64 of A-Z a-z 0-9 . _ : -, such as baseline")
    return text


def with_tags(notes: Notes, tags: list[str], *, removed: bool = False) -> Notes:
    """The notes with some tags more, or fewer.

    Raises:
        ConfigError: There are too many.
    """
    kept = set(notes.tags) - set(tags) if removed else {*notes.tags, *tags}
    if len(kept) > MAX_TAGS:
        raise ConfigError(f"a run has at most {MAX_TAGS} tags")
    return Notes(notes.note, tuple(sorted(kept)))
