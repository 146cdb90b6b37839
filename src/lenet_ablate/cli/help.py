"""The text of `lenet-ablate --help`, made from the settings' own descriptions."""

from __future__ import annotations

import dataclasses
import textwrap
from enum import Enum
from typing import Any

from lenet_ablate.config.settings import NAMED_GROUPS, Options, RunConfig, iter_settings
from lenet_ablate.config.supervision import PREFIX, Supervision

_HEAD = """\
lenet-ablate: ablation studies of LeNet-5 on MNIST-like data

usage: lenet-ablate [-m] [setting=value[,value…] …]

Trains one run for every combination of the values given. Runs that are done already are skipped, half-done ones
resume, so the same command again, or a larger one, trains only what is missing.

examples:
  lenet-ablate -m lr=0.01,0.001 pool=max,avg             four runs on MNIST
  lenet-ablate -m lr=0.01,0.001,step seed=0,1,2          three learning rates, three seeds each
  lenet-ablate data=digits epochs=3                      one small run that needs no network
  lenet-report outputs/                                  tables and figures of all runs
"""
_TAIL = """\
flags:
  -m, --multirun        welcome, never needed: a single run is a sweep of one
  --cfg job             print the configuration and exit
  --config-dir DIR      more options for the groups, e.g. DIR/optimizer/mine.yaml
  --version, --help, --hydra-help

A group's further settings are dotted: optimizer.momentum=0.5, data.val_size=0.
Tab completion: eval "$(lenet-ablate -sc install=bash)"
"""


def help_text() -> str:
    """The whole text of `--help`."""
    settings = dict(iter_settings())
    top = [(key, settings.get(key)) for key in _top_keys()]
    dotted = [(key, value) for key, value in settings.items() if "." in key and not key.endswith(".name")]
    lines = [_HEAD, "settings (default):", *(_line(key, field) for key, field in top), ""]
    lines += ["settings of a group:", *(_line(key, field) for key, field in dotted), ""]
    lines += ["runs on this machine:", *(_line(*entry) for entry in _launcher_settings()), ""]
    return "\n".join(lines) + "\n" + _TAIL


def _launcher_settings() -> list[tuple[str, dataclasses.Field[Any]]]:
    return [(PREFIX + field.name, field) for field in dataclasses.fields(Supervision)]


def _top_keys() -> list[str]:
    return [f.name for kind in (RunConfig, Options) for f in dataclasses.fields(kind)]


def _line(key: str, field: dataclasses.Field[object] | None) -> str:
    group = field is None
    if field is None:
        field = dict(iter_settings())[f"{key}.{NAMED_GROUPS[key]}"]
    check = field.metadata.get("check")
    words = getattr(check, "words", None)
    allowed = f": {', '.join(words)}" if words else ""
    default = field.default.value if isinstance(field.default, Enum) else field.default
    shown = "" if key.partition(".")[0] in NAMED_GROUPS and not group else f" ({_show(default)})"
    line = f"  {key + shown:<27} {field.metadata['help']}{allowed}"
    return textwrap.fill(line, 120, subsequent_indent=" " * 32, break_long_words=False, break_on_hyphens=False)


def _show(default: object) -> str:
    if default is None or isinstance(default, bool):
        return {None: "null", True: "true", False: "false"}[default]
    return f"{default:g}" if isinstance(default, float) else str(default)


def settings_table() -> str:
    """Every setting as a Markdown table, for the README."""
    settings = dict(iter_settings())
    keys = _top_keys() + [key for key in settings if "." in key and not key.endswith(".name")]
    rows = [_table_row(key, settings.get(key) or settings[f"{key}.{NAMED_GROUPS[key]}"]) for key in keys]
    rows += [_table_row(*entry) for entry in _launcher_settings()]
    return "\n".join(["| setting | default | meaning |", "|---|---|---|", *rows])


def _table_row(key: str, field: dataclasses.Field[object]) -> str:
    words = getattr(field.metadata.get("check"), "words", None)
    allowed = f": {', '.join(f'`{word}`' for word in words)}" if words else ""
    default = field.default.value if isinstance(field.default, Enum) else field.default
    shown = "by group" if "." in key and not key.startswith(PREFIX) else f"`{_show(default)}`"
    return f"| `{key}` | {shown} | {field.metadata['help']}{allowed} |"
