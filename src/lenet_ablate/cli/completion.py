"""Tab completion: what the last word of a command line can become. Without Hydra, whose start takes a second."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lenet_ablate.cli.choices import default_of, options_of
from lenet_ablate.config.checks import Optional, YesNo
from lenet_ablate.config.choices import Design, Protocol
from lenet_ablate.config.clusters import KINDS, launcher_fields
from lenet_ablate.config.grid_words import GRID_WORDS
from lenet_ablate.config.settings import NAMED_GROUPS, PATH, iter_settings
from lenet_ablate.config.supervision import PREFIX
from lenet_ablate.config.yaml_text import from_yaml

FLAGS = ("--help", "--version", "--multirun", "--cfg", "--config-dir", "--hydra-help")
HYDRAS = ("hydra/launcher=", "hydra/sweeper=")
HELP = ("--help", "-h")


def completions(line: str, config_dirs: Sequence[Path]) -> list[str]:
    """The words that the last one of a command line can become, sorted; one that ends in `.` or `=` goes on.

    Args:
        line: The command line up to the cursor, from the name of the command on.
        config_dirs: Folders whose subfolders are groups and whose YAML files are their options.
    """
    *before, word = line.split(" ")
    key, joined, value = word.partition("=")
    if before and before[-1] == "--config-dir":
        found: Iterable[str] = _files(word)
    elif joined:
        found = (f"{key}={text}" for text in _several(value, _values(key, value, config_dirs)))
    elif any(flag in before for flag in HELP):
        found = [*_settings(), *NAMED_GROUPS, *GRID_WORDS]
    else:
        found = [*_keys(word), *FLAGS] if word.startswith("-") else _keys(word)
    return sorted({text for text in found if text.startswith(word)})


def _keys(word: str) -> list[str]:
    """Settings and grid words; those of a group behind its dot, once that is typed."""
    words = [f"{key}=" for key in (*_settings(), *NAMED_GROUPS, *GRID_WORDS)] + list(HYDRAS)
    parts = word.count(".")
    shortened = (".".join(text.split(".")[: parts + 1]) + "." if text.count(".") > parts else text for text in words)
    return list(dict.fromkeys(shortened))


def _settings() -> dict[str, Any]:
    """The check of each setting; None of one that has choices of its own."""
    names = {f"{group}.{name}" for group, name in NAMED_GROUPS.items()}
    own = {key: field.metadata.get("check") for key, field in iter_settings() if key not in names}
    fields = [field for name in KINDS for field in launcher_fields(name).items()]
    return own | {PREFIX + key: field.metadata.get("check") for key, field in reversed(fields)}


def _several(value: str, values: Sequence[str]) -> list[str]:
    """The values, behind those that a sweep has already: `max,` becomes `max,avg`."""
    before = value.split(",")[:-1] if "[" not in value else []
    return [",".join([*before, text]) for text in values if text not in before]


def _values(key: str, value: str, config_dirs: Sequence[Path]) -> list[str]:
    grid: Mapping[str, type[Design | Protocol]] = {"design": Design, "protocol": Protocol}
    if key in grid:
        return [member.value for member in grid[key]]
    check = _settings().get(key)
    if check in (PATH, Optional(PATH)):
        return _files(value)
    options = options_of(key, config_dirs)
    if options:
        return options
    if key == "lr":
        schedules = from_yaml((config_dirs[0] / "config.yaml").read_bytes())["lr_schedules"]
        return [default_of(key, config_dirs), *schedules]
    if check is None:
        return []
    words = ["true", "false"] if isinstance(check, YesNo) else list(getattr(check, "words", None) or [])
    words += ["null"] if isinstance(check, Optional) else []
    defaults = [text.rpartition(": ")[2] for text in default_of(key, config_dirs).split("; ")]
    return list(dict.fromkeys([*words, *defaults]))


def _files(start: str) -> list[str]:
    """Files and folders, a folder with the slash behind which it goes on; hidden ones where they are asked for."""
    folder, _, name = start.rpartition("/")
    where = Path(f"{folder}/" if folder or start.startswith("/") else ".").expanduser()
    prefix = start[: len(start) - len(name)]
    try:
        entries = list(where.iterdir())
    except OSError:
        return []
    shown = [entry for entry in entries if entry.name.startswith(".") == name.startswith(".")]
    return [f"{prefix}{entry.name}{'/' if entry.is_dir() else ''}" for entry in shown]
