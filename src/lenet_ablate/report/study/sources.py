"""Runs of one study that lie in several folders, as of a class whose members each trained some."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lenet_ablate.config.settings import REPORT_FOLDER
from lenet_ablate.errors import RecordError
from lenet_ablate.records.read import RunRecord, find_studies

MAX_DEPTH, MAX_FOLDERS = 3, 10_000


@dataclass(frozen=True)
class Source:
    """A study's folder, and the folder of studies that it was found in, as it was typed: where its runs come from."""

    folder: Path
    origin: str


def find_sources(outputs: Path) -> list[Source]:
    """The study folders in a folder of studies, in one study, or up to three folders further down.

    Raises:
        RecordError: The folder does not exist, or holds no runs.
    """
    try:
        return [Source(folder, str(outputs)) for folder in find_studies(outputs)]
    except RecordError:
        below = [Source(folder, str(place)) for place in _below(outputs, MAX_DEPTH) for folder in _studies(place)]
        if not below:
            raise
        return below


def _studies(folder: Path) -> list[Path]:
    try:
        return find_studies(folder)
    except (RecordError, OSError):
        return []


def _below(folder: Path, depth: int) -> Iterator[Path]:
    """The folders of studies below a folder; what lies below one of these is its own."""
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:
        return
    for name in names[:MAX_FOLDERS]:
        if name.startswith(".") or name == REPORT_FOLDER:
            continue
        if _studies(folder / name):
            yield folder / name
        elif depth > 1:
            yield from _below(folder / name, depth - 1)


def conflicts(records: Sequence[RunRecord], kept: Sequence[RunRecord]) -> list[str]:
    """Where runs of the same settings have other figures than the one that counts, in a sentence each.

    Args:
        records: All of them.
        kept: Those that count, each of other settings.
    """
    counting = {record.identity: record for record in kept if record.identity}
    told = []
    for record in records:
        first = counting.get(record.identity)
        if first is None or first is record or not (record.state.is_finished and first.state.is_finished):
            continue
        if _figures(record) != _figures(first):
            told.append(
                f"{record.folder} has the same settings as {first.folder} and other figures; the latter counts."
            )
    return told


def _figures(record: RunRecord) -> list[str]:
    """What does not depend on time; as text, so that NaN equals itself."""
    return [repr((row.epoch, row.train_loss_running, row.val_accuracy, row.test_accuracy)) for row in record.rows]
