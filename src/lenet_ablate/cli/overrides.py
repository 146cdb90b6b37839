"""The words on the command line, checked before Hydra composes anything.

Hydra checks keys and groups too, but answers a typo with an invitation to add it (`+poool=max`).
Values are checked for every point of the sweep once it is composed, by `config.parse.parse_config`.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, QuotedString, ValueType
from hydra.errors import HydraException

from lenet_ablate.cli.choices import options_of
from lenet_ablate.config.checks import closest
from lenet_ablate.config.clusters import KINDS, launcher_fields
from lenet_ablate.config.experiments import read_experiment
from lenet_ablate.config.grid_words import GRID_WORDS, parse_grid_words, to_hydra
from lenet_ablate.config.hints import unknown_key
from lenet_ablate.config.search import SearchSettings
from lenet_ablate.config.settings import NAMED_GROUPS, is_open, setting_keys
from lenet_ablate.config.supervision import PREFIX
from lenet_ablate.config.text_words import quote_word
from lenet_ablate.errors import ConfigError

SCHEDULES = "lr_schedules"
HYDRA_FLAGS = (
    *("cfg", "resolve", "package", "run", "multirun", "info", "version", "help", "hydra-help", "shell-completion"),
    *("config-path", "config-name", "config-dir", "experimental-rerun", "cp", "cn", "cd", "sc"),
)
DECIMAL_COMMA = re.compile(r"-?\d+,0\d+")
OURS_ALONE = frozenset(launcher_fields("local")) - {"workers"}
FIXED_FLAGS = dict.fromkeys(
    ("config-name", "cn", "config-path", "cp"), "is fixed here; --config-dir DIR adds options to the groups"
)
FIXED_FLAGS["experimental-rerun"] = "is not needed here: the same command again resumes and skips what is done"
FIXED_HYDRA_KEYS = ("hydra.sweep.dir", "hydra.sweep.subdir", "hydra.run.dir", "hydra.mode", "hydra.job.chdir")
SEARCH = "hydra/sweeper=optuna"
SEARCH_SETTINGS = frozenset(each.name for each in dataclasses.fields(SearchSettings))
PLUGINS = {
    "hydra/launcher=joblib": "hydra_joblib_launcher",
    "hydra/launcher=ray_per_run": "hydra_ray_launcher",
    "hydra/launcher=rq": "hydra_rq_launcher",
    "hydra/launcher=submitit_local": "hydra_submitit_launcher",
    "hydra/launcher=submitit_slurm": "hydra_submitit_launcher",
    "hydra/sweeper=ax": "hydra_ax_sweeper",
    "hydra/sweeper=nevergrad": "hydra_nevergrad_sweeper",
}
"""Hydra's own plugins, each with its package: https://hydra.cc/docs/1.3/plugins/joblib_launcher and those beside it."""


def check_overrides(words: Sequence[str], config_dirs: Sequence[Path]) -> list[str]:
    """What is wrong with the `key=value` words of a command line, one or two lines each; empty if nothing is.

    Args:
        words: The arguments that are not flags.
        config_dirs: Folders whose subfolders are groups and whose YAML files are their options.
    """
    parser = OverridesParser.create()
    launcher = next((word.partition("=")[2] for word in words if word.startswith("hydra/launcher=")), "local")
    is_own = launcher in options_of("hydra/launcher", config_dirs)  # of one of these it has the settings, perhaps
    is_search = SEARCH in words
    problems = []
    for word in words:
        try:
            override = parser.parse_override(quote_word(word))
            problem = _check_hydra(override, word, None if is_own else launcher, is_search)
            problem = problem or _check(override, word, config_dirs, is_search)
        except HydraException:
            problem = _check_unparsable(word)
        problems += [problem] if problem else []
    return problems


def check_flags(flags: Sequence[str]) -> list[str]:
    """One line for each setting that is written as a flag, such as `--epochs` or `-lr=0.1`, misspelt or not."""
    problems = []
    for flag in flags:
        name, joined, value = flag.lstrip("-").partition("=")
        if told := FIXED_FLAGS.get(name):
            problems.append(f"{flag}: {told}")
        if not flag.startswith("-") or len(name) < 2 or name in HYDRA_FLAGS:
            continue
        key = closest(name.replace("-", "_"), (*setting_keys(), *GRID_WORDS))
        if flag.startswith("--") and (guess := closest(name, HYDRA_FLAGS)):
            problems.append(f"{flag}: there is no such flag; did you mean --{guess}?")
        elif key:
            problems.append(f"{flag}: settings are written without dashes: {key}={value if joined else '…'}")
    return problems


def other_words(words: Sequence[str]) -> list[str]:
    """The words that are not grid words."""
    return [word for word in words if word.partition("=")[0] not in GRID_WORDS]


def last_of_each(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words without those that a later one of the same setting replaces, as in Hydra; and a line for each such.

    A script that ends in "$@" gives settings twice on purpose; who meant both values reads how to sweep over them.
    """
    last = {word.partition("=")[0]: word for word in words if "=" in word}
    kept: list[str] = []
    told: list[str] = []
    for word in words:
        key, joined, value = word.partition("=")
        if joined and last[key] != word:
            later = last[key].partition("=")[2]
            several = (value, later) if "[" in value + later else f"{value},{later}".split(",")
            both = ",".join(dict.fromkeys(several))
            told.append(f"{word} {last[key]}: {key} is given twice, the last one counts; for both: {key}={both}")
        elif word not in kept:
            kept.append(word)
    return kept, told


def swept_words(words: Sequence[str]) -> list[str]:
    """The words that stand for several values; all must be readable."""
    parser = OverridesParser.create()
    return [word for word in words if parser.parse_override(quote_word(word)).is_sweep_override()]


def check_grid_words(words: Sequence[str], config_dirs: Sequence[Path]) -> list[str]:
    """What is wrong with the grid words of a command line, one or two lines each; empty if nothing is."""
    parser, raw = OverridesParser.create(), {}
    try:
        for word in words:
            key = word.partition("=")[0]
            if key in GRID_WORDS:
                if word == f"{key}=":
                    return [f"{word}: names nothing; leave it out, or give a value"]
                override = parser.parse_override(to_hydra([word])[0])
                raw[key] = override.value()
        for name in parse_grid_words(raw).experiments:
            read_experiment(name, config_dirs)
    except HydraException:
        return [_check_unparsable(word)]
    except ConfigError as error:
        return [str(error)]
    return []


def _check_unparsable(word: str) -> str:
    if "=" in word:
        return f"{word}: cannot be read; a value is missing, or holds a character that needs quotes: \"key='a value'\""
    guess = closest(word, setting_keys())
    meant = f"; did you mean {guess}=…?" if guess else ""
    return f"{word}: is not of the form setting=value, e.g. lr=0.01{meant}"


def _check_hydra(override: Override, word: str, launcher: str | None, is_search: bool) -> str | None:
    """What is wrong with a word for Hydra's own node, where that launcher is chosen; None: one of the user's own."""
    key = override.key_or_group
    node, _, setting = key.rpartition(".")
    if key in FIXED_HYDRA_KEYS:
        return f"{word}: is fixed here; output_dir=… and study=… choose the folder of the runs"
    if word == SEARCH and importlib.util.find_spec("optuna") is None:
        return f"{word}: is not installed: pip install 'lenet-ablate[optuna]', or optuna alone"
    if node == "hydra.sweeper" and not is_search and setting in SEARCH_SETTINGS:
        return f"{word}: works with {SEARCH} alone"
    package = PLUGINS.get(word)
    if package and importlib.util.find_spec(f"hydra_plugins.{package}") is None:
        return f"{word}: is not installed: pip install {package.replace('_', '-')}"
    if word == "hydra/launcher=ray" and importlib.util.find_spec("ray") is None:
        return f"{word}: is not installed: pip install 'lenet-ablate[ray]'"
    for plugin in ("hydra.launcher", "hydra.sweeper"):
        if key in (plugin, f"{plugin}._target_"):
            return f"{word}: is fixed here; {plugin.replace('.', '/')}=NAME chooses another one"
    return _check_launcher(override, word, launcher, setting) if launcher and node == "hydra.launcher" else None


def _check_launcher(override: Override, word: str, launcher: str, setting: str) -> str | None:
    """What is wrong with a word for a setting of the launcher that is chosen."""
    if launcher in KINDS:
        known = list(launcher_fields(launcher))
        if setting in known:
            return f"{word}: cannot be swept; give one value" if override.is_sweep_override() else None
        if setting in OURS_ALONE:
            return f"{word}: works with hydra/launcher=local alone"
        if others := [name for name in KINDS if setting in launcher_fields(name)]:
            return f"{word}: belongs to hydra/launcher={' and hydra/launcher='.join(others)}"
        guess = closest(setting, known)
        meant = f" did you mean {PREFIX}{guess}=…?" if guess else ""
        return f"{word}: there is no such setting;{meant} settings: {', '.join(known)}"
    return f"{word}: works with hydra/launcher=local alone" if setting in OURS_ALONE else None


def _check(override: Override, word: str, config_dirs: Sequence[Path], is_search: bool) -> str | None:
    key = override.key_or_group
    if key.partition(".")[0] == "hydra" or key.startswith("hydra/"):
        return None
    if not key:
        return f"{word}: settings are written without spaces, e.g. lr=0.01"
    options = options_of(key, config_dirs)
    group, _, subfolder = key.partition("/")
    if subfolder and group in NAMED_GROUPS:
        return f"{word}: {subfolder} is a folder of {group}; did you mean {group}={subfolder}/{word.partition('=')[2]}?"
    is_adding = override.is_add() or override.is_force_add()
    if is_open(key) and not override.is_delete():
        return None if key.rpartition(".")[2].isidentifier() else f"{word}: an argument's name is a name of Python's"
    if key not in setting_keys() and not options and not key.startswith(f"{SCHEDULES}."):
        return f"{word}: {unknown_key(key, GRID_WORDS)}"
    if override.is_delete():
        return f"{word}: settings cannot be removed; null stands for none where that is allowed"
    if is_adding and key.partition(".")[0] != SCHEDULES:
        return f"{word}: nothing can be added to the settings; did you mean {word.lstrip('+')}?"
    if _has_decimal_comma(word):
        return f"{word}: a decimal has a point, {word.replace(',', '.', 1)}; a comma separates values"
    if override.is_sweep_override() and not override.is_discrete_sweep() and not is_search:
        return f"{word}: intervals cannot be swept; list the values, use range(start,stop,step), or search: {SEARCH}"
    is_glob = override.value_type is ValueType.GLOB_CHOICE_SWEEP
    return _check_choices(key, override, options) if options and not is_glob else None


def _has_decimal_comma(word: str) -> bool:
    """Whether a word such as `lr=0,001` can only mean a decimal: nobody writes the values 0 and 1 as 0,001."""
    return DECIMAL_COMMA.fullmatch(word.partition("=")[2]) is not None


def _check_choices(group: str, override: Override, options: Sequence[str]) -> str | None:
    for choice in _values(override):
        name = str(choice.text if isinstance(choice, QuotedString) else choice)
        if "${" in name:
            return f"{group}={name}: must name one of {', '.join(options)}; ${{…}} cannot stand for it"
        if name not in options:
            guess = closest(name, options)
            meant = f"; did you mean {group}={guess}?" if guess else ""
            return f"{group}={name}: must be one of {', '.join(options)}{meant}"
    return None


def _values(override: Override) -> list[object]:
    return list(override.sweep_iterator()) if override.is_sweep_override() else [override.value()]
