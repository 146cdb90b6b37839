"""Where a study's results come from: commands, versions, machines, data; for the reader who wants to repeat them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

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


def find_provenance(study: Study, sweeps: Sequence[Mapping[str, Any]]) -> Provenance:
    """What a study's results and plans say of their origin; what is missing or of a wrong type is left out.

    Args:
        study: The study.
        sweeps: Its plans in the order of their creation; see `records.read.read_sweeps`.
    """
    results = [study.results[run] for run in sorted(study.results)]
    sources = [_mapping(result.get("provenance")) for result in results]
    planned = _distinct(sweep.get("command") for sweep in sweeps)
    return Provenance(
        planned or _distinct(source.get("command") for source in sources),
        _versions(sources),
        _distinct(_commit(_mapping(source.get("git"))) for source in sources),
        _distinct(_machine(_mapping(source.get("machine"))) for source in sources),
        _distinct(_engine(source) for source in sources),
        _distinct(source.get("data_sha256") for source in sources),
        tuple(dict.fromkeys(split for split in map(_split, results) if split)),
        tuple(dict.fromkeys(n for n in (result.get("num_parameters") for result in results) if isinstance(n, int))),
        max((str(sweep.get("created", "")) for sweep in sweeps), default=""),
    )


def _versions(sources: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    listed = [
        {"lenet-ablate": source.get("lenet_ablate"), "python": source.get("python")} | _mapping(source.get("packages"))
        for source in sources
    ]
    names = dict.fromkeys(name for versions in listed for name in versions)
    found = {name: _distinct(versions.get(name) for versions in listed) for name in names}
    return {str(name): versions for name, versions in found.items() if versions}


def _commit(git: Mapping[str, Any]) -> str:
    commit = git.get("commit")
    return f"{commit}{' with local changes' if git.get('dirty') else ''}" if isinstance(commit, str) else ""


def _machine(machine: Mapping[str, Any]) -> str:
    cores = machine.get("logical_cores")
    parts = [machine.get("processor"), f"{cores} logical cores" if cores else "", machine.get("system")]
    return ", ".join(str(part) for part in parts if part)


def _engine(source: Mapping[str, Any]) -> str:
    engine, device, threads = source.get("engine"), source.get("device"), source.get("threads")
    if not engine:
        return ""
    return f"{engine} on {device}" + (f", {threads} thread{'s' if threads != 1 else ''} per run" if threads else "")


def _split(result: Mapping[str, Any]) -> tuple[int, int, int] | None:
    train, val, test = (result.get(f"num_{name}") for name in ("train", "val", "test"))
    if isinstance(train, int) and isinstance(val, int) and isinstance(test, int):
        return train, val, test
    return None


def _mapping(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _distinct(values: Iterable[object]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if isinstance(value, str) and value))
