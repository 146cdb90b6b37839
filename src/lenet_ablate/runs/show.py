"""One run in full: its settings, curves, figures, files, where it comes from, and what failed."""

from __future__ import annotations

import contextlib
import textwrap
import time
from collections.abc import Iterator, Sequence

from lenet_ablate.config.settings import RunConfig
from lenet_ablate.errors import RecordError
from lenet_ablate.records.files import parse_json, read_file
from lenet_ablate.records.read import RunRecord, read_run
from lenet_ablate.records.record import CHECKPOINT, LOG, METRICS, STATUS, State
from lenet_ablate.records.result import EpochFigures
from lenet_ablate.records.rows import number_text
from lenet_ablate.records.status import MAX_BYTES, MAX_FILES
from lenet_ablate.rendering.escape import one_line
from lenet_ablate.report.page.commands import variant_command
from lenet_ablate.report.study.factors import fixed_settings
from lenet_ablate.runs.chart import chart_lines
from lenet_ablate.runs.collect import Entry
from lenet_ablate.runs.listing import age

INDENT = " " * 12
MAX_TRACEBACK_LINES = 60
DEFAULT_WIDTH = 100


def show_lines(entry: Entry, width: int | None) -> Iterator[str]:
    """What there is to say of a run; read as a whole, every file compared with its digest."""
    width = DEFAULT_WIDTH if width is None else width
    record = entry.record if entry.record.state is State.planned else read_run(entry.record.folder)
    yield f"{entry.label}{' (archived)' if entry.is_archived else ''}"
    yield from _entry("state", [_state(entry, record)], width)
    yield from _entry("error", [record.error], width)
    yield from _entry("tags", [" ".join(record.notes.tags)], width)
    yield from _entry("note", [record.notes.note or record.notes.problem], width)
    yield from _entry("settings", _settings(record.config), width)
    yield from _entry("figures", list(_figures(record)), width)
    yield from _curves(record, width)
    yield from _entry("from", list(_provenance(record)), width)
    yield from _entry("files", [_files(record)], width)
    yield from _entry("folder", [str(record.folder)], width)
    if record.config:
        yield from _entry("again", [variant_command(record.config, [record.config.seed], entry.study.name)], 0)
    yield from _traceback(record)


def _entry(title: str, texts: Sequence[str], width: int) -> Iterator[str]:
    """A title and its lines; nothing where there is none. With a width of 0 no line is broken, to be copied whole."""
    lines = [
        line
        for text in map(_harmless, texts)
        if text
        for line in (textwrap.wrap(text, max(width - len(INDENT), 20), break_on_hyphens=False) if width else [text])
    ]
    for number, line in enumerate(lines):
        yield f"{title:<{len(INDENT)}}{line}" if number == 0 else f"{INDENT}{line}"


def _harmless(text: str) -> str:
    return one_line(text, 0)


def _state(entry: Entry, record: RunRecord) -> str:
    ago = age(time.time() - entry.changed)
    planned = record.config.epochs if record.config else None
    done = len(record.rows)
    told = f"{done} of {planned} epochs" if planned and done != planned else f"{done} epoch{'s' * (done != 1)}"
    epochs = f", {told}" if done or planned else ""
    seconds = f" in {record.result.wall_seconds:.1f} s" if record.result.wall_seconds is not None else ""
    return f"{record.state.value}{epochs}{seconds}{f', {ago} ago' if ago else ''}"


def _settings(config: RunConfig | None) -> list[str]:
    """The settings that are not as usual, and the seed."""
    if config is None:
        return []
    usual = fixed_settings(RunConfig(), ())
    own = {key: text for key, text in fixed_settings(config, ()).items() if usual.get(key) != text}
    return [", ".join([*(f"{key}={text}" for key, text in own.items()), f"seed={config.seed}"])]


def _figures(record: RunRecord) -> Iterator[str]:
    if record.rows:
        last = record.rows[-1]
        yield f"epoch {last.epoch}: " + figures_text(EpochFigures(**{n: getattr(last, n) for n in _NAMES}))
    best = record.result.best_val
    if best and best.epoch is not None and record.rows and best.epoch != record.rows[-1].epoch:
        yield f"best by validation, epoch {best.epoch}: {figures_text(best)}"


_NAMES = tuple(EpochFigures.__dataclass_fields__)


def figures_text(figures: EpochFigures) -> str:
    """Accuracies in percent and losses in nats, as far as they are known."""
    texts = [
        f"{split} accuracy {accuracy:.2%}"
        for split in ("test", "val")
        if (accuracy := getattr(figures, f"{split}_accuracy")) is not None
    ]
    texts += [
        f"{split} loss {loss:.4f}"
        for split in ("test", "val", "train")
        if (loss := getattr(figures, f"{split}_loss")) is not None
    ]
    if figures.train_loss is None and figures.train_loss_running is not None:
        texts.append(f"running train loss {figures.train_loss_running:.4f}")
    return ", ".join(texts)


def _curves(record: RunRecord, width: int) -> Iterator[str]:
    rows = record.rows
    if len(rows) < 2:
        return
    has_val = rows[0].val_loss is not None
    judged = "val" if has_val else "test"
    losses = {"train": [row.train_loss_running for row in rows]}
    losses[judged] = [getattr(row, f"{judged}_loss") for row in rows]
    accuracies = {judged: [getattr(row, f"{judged}_accuracy") for row in rows]}
    for title, series in (("loss", losses), ("accuracy", accuracies)):
        lines = chart_lines(series, width)
        if lines:
            yield f"{title} by epoch: {', '.join(f'{name[0]} {name}' for name in series)}"
            yield from lines


def _provenance(record: RunRecord) -> Iterator[str]:
    found = record.result.provenance
    if found.engine:
        threads = f", {found.threads} thread{'s' if found.threads != 1 else ''}" if found.threads else ""
        card = f" ({found.card})" if found.card else ""
        yield f"{found.engine} on {found.device}{card}{threads}"
    if found.processor:
        yield f"{found.processor}, {found.logical_cores} logical cores, {found.system}"
    if found.versions:
        yield ", ".join(f"{name} {version}" for name, version in found.versions.items())
    if found.commit:
        yield f"commit {found.commit}{' with local changes' if found.is_dirty else ''}"
    if found.data_sha256:
        yield f"data SHA-256 {found.data_sha256}"
    if record.result.num_parameters is not None:
        yield f"{record.result.num_parameters:,} parameters"
    if found.command:
        yield f"command {found.command}"


def _files(record: RunRecord) -> str:
    names = [*record.files, *(name for name in (LOG, METRICS, CHECKPOINT, STATUS) if name not in record.files)]
    told = []
    for name in names:
        with contextlib.suppress(OSError):
            told.append(f"{name} {_size((record.folder / name).stat().st_size)}")
    return ", ".join(told)


def _size(count: float) -> str:
    if count < 1000:
        return f"{count:.0f} B"
    return f"{count / 1000:.0f} kB" if count < 1e6 else f"{number_text(round(count / 1e6, 1))} MB"


def _traceback(record: RunRecord) -> Iterator[str]:
    """The traceback of a failed run, as its status.json has it."""
    if record.state is not State.failed:
        return
    try:
        found = parse_json(read_file(record.folder, STATUS, MAX_BYTES), MAX_FILES)
    except RecordError:
        return
    text = found.get("traceback") if isinstance(found, dict) else None
    if isinstance(text, str) and text.strip():
        yield "traceback"
        lines = text.splitlines()
        yield from [f"  … {len(lines) - MAX_TRACEBACK_LINES} lines before"] * (len(lines) > MAX_TRACEBACK_LINES)
        for line in lines[-MAX_TRACEBACK_LINES:]:
            space = len(line) - len(line.lstrip(" "))
            yield f"  {' ' * min(space, 40)}{_harmless(line)}"
