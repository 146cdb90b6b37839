"""The text of `lenet-ablate --help`, made from the settings' own descriptions."""

from __future__ import annotations

import dataclasses
import textwrap
from typing import Any

from lenet_ablate.cli.choices import default_of, shown
from lenet_ablate.cli.topics import GRID_HELP
from lenet_ablate.config.clusters import KINDS
from lenet_ablate.config.folder import config_dir
from lenet_ablate.config.settings import NAMED_GROUPS, Options, RunConfig, iter_settings
from lenet_ablate.config.supervision import PREFIX

_HEAD = """\
lenet-ablate: ablation studies of LeNet-5 on MNIST-like data

usage: lenet-ablate [-m] [setting=value[,value…] …]

Trains one run for every combination of the values given. Runs that are done already are skipped, half-done ones
resume, so the same command again, or a larger one, trains only what is missing.

examples:
  lenet-ablate -m lr=0.01,0.001 pool=max,avg             four runs on MNIST
  lenet-ablate -m lr=0.01,0.001,step seed=0,1,2          three learning rates, three seeds each
  lenet-ablate data=digits epochs=3                      one small run that needs no network
  lenet-ablate experiment=pooling plan=true              what a ready-made sweep would train, and how long that takes
  lenet-report outputs/                                  tables and figures of all runs

more: lenet-ablate --help lr                             or any other word below: values, defaults and an example
"""
_TAIL = """\
flags:
  -m, --multirun        welcome, never needed: a single run is a sweep of one
  --cfg job             print the configuration and exit
  --config-dir DIR      more options for the groups, e.g. DIR/optimizer/mine.yaml
  --help [SETTING]      this text, or all about one setting, group or word
  --version, --hydra-help

Tab completion: eval "$(lenet-ablate -sc install=bash)"
"""
_LAUNCHERS = {
    "local": "runs on this machine:",
    "slurm": "runs on a SLURM cluster, hydra/launcher=slurm (and workers, isolate, run_timeout, retries):",
    "ray": "runs on a Ray cluster, hydra/launcher=ray (and the same):",
}
_MAX_DEFAULTS = 60
"""Characters of the defaults of a group's setting; longer ones are left to `--help GROUP`."""


def help_text() -> str:
    """The whole text of `--help`."""
    settings = dict(iter_settings())
    run, options = ([field.name for field in dataclasses.fields(kind)] for kind in (RunConfig, Options))
    dotted = [(key, value) for key, value in settings.items() if _is_inner(key)]
    lines = [_HEAD, "what to vary (default):", *(_line(key, settings.get(key)) for key in run), ""]
    lines += ["which points:", *(_entry(key, default, text) for key, (text, default) in GRID_HELP.items()), ""]
    lines += ["how it is carried out; changes no result:", *(_line(key, settings.get(key)) for key in options), ""]
    for launcher, heading in _LAUNCHERS.items():
        lines += [heading, *(_line(*entry) for entry in _launcher_settings(launcher)), ""]
    lines += ["settings of a group (by choice):", *(_line(key, field) for key, field in dotted), ""]
    return "\n".join(lines) + "\n" + _TAIL


def _launcher_settings(launcher: str) -> list[tuple[str, dataclasses.Field[Any]]]:
    return [(PREFIX + field.name, field) for field in dataclasses.fields(KINDS[launcher])]


def _is_inner(key: str) -> bool:
    group, _, setting = key.partition(".")
    return setting != "" and setting != NAMED_GROUPS.get(group)


def _line(key: str, field: dataclasses.Field[Any] | None) -> str:
    default = shown(field.default) if field and key.startswith(PREFIX) else default_of(key, [config_dir()])
    field = field or dict(iter_settings())[f"{key}.{NAMED_GROUPS[key]}"]
    words = getattr(field.metadata.get("check"), "words", None)
    allowed = f": {', '.join(words)}" if words else ""
    if _is_inner(key) and not key.startswith(PREFIX):
        allowed += f" ({default})" if len(default) <= _MAX_DEFAULTS else ""
        default = ""
    return _entry(key, default, f"{field.metadata['help']}{allowed}")


def _entry(key: str, default: str, text: str) -> str:
    line = f"  {key + (f' ({default})' if default else ''):<27} {text}"
    return textwrap.fill(line, 120, subsequent_indent=" " * 32, break_long_words=False, break_on_hyphens=False)


def settings_table() -> str:
    """Every setting as a Markdown table, for docs/settings.md."""
    settings = dict(iter_settings())
    top = [field.name for kind in (RunConfig, Options) for field in dataclasses.fields(kind)]
    keys = top + [key for key in settings if _is_inner(key)]
    rows = [_table_row(key, settings.get(key) or settings[f"{key}.{NAMED_GROUPS[key]}"]) for key in keys]
    rows += [_table_row(*entry) for entry in _launcher_settings("local")]
    return "\n".join(["| setting | default | meaning |", "|---|---|---|", *rows])


def launcher_table(launcher: str) -> str:
    """Every setting of its own that a launcher has as a Markdown table."""
    rows = [_table_row(*entry) for entry in _launcher_settings(launcher)]
    return "\n".join(["| setting | default | meaning |", "|---|---|---|", *rows])


def _table_row(key: str, field: dataclasses.Field[Any]) -> str:
    words = getattr(field.metadata.get("check"), "words", None)
    allowed = f": {', '.join(f'`{word}`' for word in words)}" if words else ""
    default = shown(field.default) if key.startswith(PREFIX) else default_of(key, [config_dir()])
    return f"| `{key}` | `{default}` | {field.metadata['help']}{allowed} |"
