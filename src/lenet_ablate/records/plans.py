"""What the sweeps of a study set out to train, as `sweeps/*.jsonl.gz` say, and `*.json` of an earlier version."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from lenet_ablate.config.settings import RunConfig
from lenet_ablate.errors import LenetAblateError, RecordError
from lenet_ablate.records.fields import Fields, fields_of
from lenet_ablate.records.files import is_plain, parse_json, read_file
from lenet_ablate.records.plan_lines import SUFFIX, from_lines, is_whole
from lenet_ablate.records.record import FORMAT
from lenet_ablate.records.settings import settings_of
from lenet_ablate.rendering.escape import one_line

SWEEPS = "sweeps"
MAX_BYTES, MAX_VALUES = 64 << 20, 2_000_000  # of all plans of an earlier version together: some 30,000 runs
MAX_RUNS = 2_000_000  # of all others
MAX_PLANS = 10_000
MAX_LEVELS, MAX_REFERENCES = 1_000_000, 1000
MAX_TEXT = 1_000_000  # characters of a command


@dataclass(frozen=True)
class PlannedRun:
    """One run that a sweep set out to train.

    Attributes:
        run: Name of its folder.
        identity: SHA-256 of its settings.
        config: Its settings.
    """

    run: str
    identity: str
    config: RunConfig


@dataclass(frozen=True)
class Reference:
    """A published figure that came with an experiment.

    Attributes:
        factor: What it is a level of, `variant` where it belongs to the study as a whole.
        level: The level.
        test_accuracy: 0..1.
        train_loss_running: Nats per image; None where none was published.
        num_images: Test images; None where it does not say.
        by_epoch: Test accuracies after each epoch; empty where none were published.
        limits: Names by group, `model` and `data`, of what it is comparable with; of all where it says none.
    """

    factor: str
    level: str
    test_accuracy: float
    train_loss_running: float | None = None
    num_images: int | None = None
    by_epoch: tuple[float, ...] = ()
    limits: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SweepPlan:
    """One sweep's plan.

    Attributes:
        created: When, ISO 8601 in UTC.
        command: As it was typed; empty where it does not say.
        runs: Its runs, but for those that only another version knows.
        factors: Levels of each setting that varied; None where a version wrote it that did not tell them.
        experiments: Names of the ready-made sweeps that it carries out.
        references: Published figures that come with these.
    """

    created: str
    command: str = ""
    runs: tuple[PlannedRun, ...] = ()
    factors: Mapping[str, tuple[str, ...]] | None = None
    experiments: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()


@dataclass(frozen=True)
class Plans:
    """The plans of a study.

    Attributes:
        sweeps: In the order of their creation.
        ignored: Why a file among them is none, in a sentence each.
    """

    sweeps: tuple[SweepPlan, ...] = ()
    ignored: tuple[str, ...] = ()


def read_plans(study: Path, known: Collection[str] = ()) -> Plans:
    """The plans in a study's folder; never raises: what cannot be read is left out with the reason.

    Args:
        study: The study's folder.
        known: Names of runs that are not asked for.
    """
    sweeps, ignored = [], []
    bytes_left, values_left, runs_left = MAX_BYTES, MAX_VALUES, MAX_RUNS
    for name in _names(study)[:MAX_PLANS]:
        try:
            if name.endswith(SUFFIX):
                sweeps.append(_read_lines(study / SWEEPS, name, known, runs_left))
                runs_left -= len(sweeps[-1].runs)
                continue
            content = read_file(study / SWEEPS, name, bytes_left)
            count = content.count(b",") + content.count(b"{") + content.count(b"[")
            plan = parse_plan(parse_json(content, values_left), name, known)
            bytes_left, values_left = bytes_left - len(content), values_left - count
            sweeps.append(plan)
        except RecordError as error:
            text = one_line(error)
            ignored.append(text if text.startswith(name) else f"{name} {text}")
    return Plans(tuple(sorted(sweeps, key=lambda sweep: sweep.created)), tuple(ignored))


def is_plan(study: Path, name: str) -> bool:
    """Whether a file of this name in `sweeps/` is whole; what is planned in it is not looked at."""
    if name.endswith(SUFFIX):
        return is_whole(study / SWEEPS, name)
    try:
        parse_json(read_file(study / SWEEPS, name, MAX_BYTES), MAX_VALUES)
    except RecordError:
        return False
    return True


def read_sweeps(study: Path) -> tuple[SweepPlan, ...]:
    """The plans in a study's folder in the order of their creation; damaged ones are left out."""
    return read_plans(study).sweeps


def plan_names(study: Path) -> list[str]:
    """The names of a study's plans within its folder, in their order."""
    return [f"{SWEEPS}/{name}" for name in _names(study)[:MAX_PLANS]]


def _names(study: Path) -> list[str]:
    try:
        names = [path.name for path in (study / SWEEPS).iterdir()]
    except OSError:
        return []
    return sorted(name for name in names if any(name.endswith(end) and name != end for end in (".json", SUFFIX)))


def _read_lines(folder: Path, name: str, known: Collection[str], most: int) -> SweepPlan:
    values = from_lines(folder, name)
    return _plan(fields_of(next(values), name), islice(values, most + 1), known, most)


def parse_plan(content: object, place: str = "a plan", known: Collection[str] = ()) -> SweepPlan:
    """The plan behind plain values, without the runs of these names.

    Raises:
        RecordError: A value is missing, of another type than it must be, or out of range.
    """
    values = fields_of(content, place)
    if not isinstance(runs := values.needed("runs"), list):
        raise values.error("runs", "must be a list")
    return _plan(values, runs, known)


def _plan(values: Fields, runs: Iterable[object], known: Collection[str], most: int = MAX_RUNS) -> SweepPlan:
    if values.needed("format") != FORMAT:
        raise RecordError(f"{values.place} was written by another version")
    values.needed("created")
    factors = values.fields("factors")
    planned = tuple(planned for run in runs if (planned := _planned(run, known)) is not None)
    if len(planned) > most:
        raise RecordError(f"{values.place} has more runs than the {MAX_RUNS:,} that a study's plans may have")
    return SweepPlan(
        values.text("created", 100) or "",
        values.text("command", MAX_TEXT) or "",
        planned,
        None if factors is None else {_text(key): _words(factors, key) for key in factors.values},
        _words(values, "experiments") if "experiments" in values.values else (),
        tuple(_references(values)),
    )


def _planned(value: object, known: Collection[str]) -> PlannedRun | None:
    """A planned run; None where it cannot be understood, as one of a later version with settings of its own."""
    if not isinstance(value, dict):
        return None
    run, identity, settings = value.get("run"), value.get("identity"), value.get("config")
    if not isinstance(run, str) or not isinstance(identity, str) or not isinstance(settings, dict) or run in known:
        return None
    if not is_plain(run, depth=1):
        return None
    try:
        config = settings_of(settings)
    except LenetAblateError:
        return None
    return PlannedRun(run, identity, config)


def _words(values: Fields, name: str) -> tuple[str, ...]:
    words = values.values[name]
    if words is None:
        return ()
    if not isinstance(words, list) or len(words) > MAX_LEVELS or not all(isinstance(word, str) for word in words):
        raise values.error(ascii(name)[1:-1][:40], f"must be a list of at most {MAX_LEVELS} words")
    return tuple(map(_text, words))


def _text(word: str) -> str:
    return word.encode(errors="replace").decode()


def _references(values: Fields) -> Sequence[Reference]:
    entries = values.values.get("references") or []
    if not isinstance(entries, list) or len(entries) > MAX_REFERENCES:
        raise values.error("references", f"must be a list of at most {MAX_REFERENCES}")
    found = []
    for entry in entries:
        try:
            found.append(_reference(fields_of(entry, f"{values.place}: references")))
        except RecordError:  # what an experiment of one's own says without being a figure
            continue
    return found


def _reference(values: Fields) -> Reference:
    accuracy = values.number("test_accuracy", 0, 1)
    curve = values.values.get("test_accuracy_by_epoch") or []
    if accuracy is None or not isinstance(curve, list) or len(curve) > MAX_LEVELS:
        raise values.error("test_accuracy", "is missing")
    points = [Fields({"": point}, values.place).number("", 0, 1) for point in curve]
    limits = {key: text for key in ("model", "data") if (text := values.text(key)) is not None}
    return Reference(
        str(values.needed("factor"))[:1000],
        str(values.needed("level"))[:1000],
        accuracy,
        values.number("train_loss_running", 0) or None,
        values.whole("n", 1) or None,
        tuple(point for point in points if point is not None),
        limits,
    )
