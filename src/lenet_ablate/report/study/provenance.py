"""Where a study's results come from: commands, versions, machines, data; for the reader who wants to repeat them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lenet_ablate.records.plans import SweepPlan
from lenet_ablate.records.result import RunProvenance, RunResult
from lenet_ablate.report.study.study import Study


@dataclass(frozen=True)
class Provenance:
    """What the finished runs and the sweeps say of themselves; several entries where runs differ.

    Attributes:
        commands: The sweeps' commands in the order of their creation, else those that the runs recorded.
        versions: Versions by package; `lenet-ablate` and `python` first.
        commits: Commits of this program, marked where its checkout had local changes.
        machines: Processor, cores and system.
        engines: What computed, where, on how many threads.
        data_sha256: Digests of the data set.
        splits: Images for training, validation and testing.
        num_parameters: Trainable parameters of the networks.
        newest: When the newest sweep was planned, ISO 8601 in UTC; empty where unknown.
    """

    commands: tuple[str, ...] = ()
    versions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    commits: tuple[str, ...] = ()
    machines: tuple[str, ...] = ()
    engines: tuple[str, ...] = ()
    data_sha256: tuple[str, ...] = ()
    splits: tuple[tuple[int, int, int], ...] = ()
    num_parameters: tuple[int, ...] = ()
    newest: str = ""


def find_provenance(study: Study, sweeps: Sequence[SweepPlan]) -> Provenance:
    """What a study's results and plans say of their origin; what they do not say is left out.

    Args:
        study: The study.
        sweeps: Its plans in the order of their creation; see `records.plans.read_plans`.
    """
    results = [study.results[run] for run in sorted(study.results)]
    sources = [result.provenance for result in results]
    planned = _distinct(sweep.command for sweep in sweeps)
    return Provenance(
        planned or _distinct(source.command for source in sources),
        _versions(sources),
        _distinct(_commit(source) for source in sources),
        _distinct(_machine(source) for source in sources),
        _distinct(_engine(source) for source in sources),
        _distinct(source.data_sha256 for source in sources),
        tuple(dict.fromkeys(split for split in map(_split, results) if split)),
        tuple(dict.fromkeys(result.num_parameters for result in results if result.num_parameters is not None)),
        max((sweep.created for sweep in sweeps), default=""),
    )


def _versions(sources: Sequence[RunProvenance]) -> dict[str, tuple[str, ...]]:
    names = dict.fromkeys(name for source in sources for name in source.versions)
    return {name: _distinct(source.versions.get(name) for source in sources) for name in names}


def _commit(source: RunProvenance) -> str:
    return f"{source.commit}{' with local changes' if source.is_dirty else ''}" if source.commit else ""


def _machine(source: RunProvenance) -> str:
    cores = f"{source.logical_cores} logical cores" if source.logical_cores else ""
    return ", ".join(part for part in (source.processor, cores, source.system) if part)


def _engine(source: RunProvenance) -> str:
    if not source.engine:
        return ""
    threads = source.threads
    told = f", {threads} thread{'s' if threads != 1 else ''} per run" if threads else ""
    card = f" ({source.card})" if source.card else ""
    return f"{source.engine} on {source.device}{card}{told}"


def _split(result: RunResult) -> tuple[int, int, int] | None:
    if result.num_train is None or result.num_val is None or result.num_test is None:
        return None
    return result.num_train, result.num_val, result.num_test


def _distinct(values: Iterable[object]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if isinstance(value, str) and value))
