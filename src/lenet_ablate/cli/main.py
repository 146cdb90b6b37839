"""`lenet-ablate`: from the command line to Hydra, which hands over to the sweeper in `hydra_plugins`."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from lenet_ablate import __version__
from lenet_ablate.config.folder import config_dir
from lenet_ablate.config.supervision import PREFIX
from lenet_ablate.errors import LenetAblateError
from lenet_ablate.rendering.console import say, warn
from lenet_ablate.rendering.failures import no_folder
from lenet_ablate.rendering.streams import with_safe_streams
from lenet_ablate.sweep.signals import exit_on_signals, ignore_signals_at_exit, leave_if_signalled

FLAGS_WITH_VALUE = (
    "--config-dir",
    "-cd",
    "--config-path",
    "-cp",
    "--config-name",
    "-cn",
    "--package",
    "-p",
    "--cfg",
    "-c",
    "--experimental-rerun",
)
INFO_FLAGS = ("--info", "-i")
INFO_VALUES = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")
SINGLE = "--cfg shows a single configuration; plan=true lists the runs"
FLAGS_WITHOUT_RUN = ("--cfg", "-c", "--hydra-help", *INFO_FLAGS, "--shell-completion", "-sc")


def main() -> None:
    """Run the command; the exit status is 0, 1 after bad input or a failed run, or a signal's."""
    exit_on_signals()
    try:
        status = with_safe_streams(_main)
        if status:
            sys.exit(status)
    except BaseException:
        # A library may have made another exception of the one that a signal raised.
        leave_if_signalled()
        raise
    finally:
        ignore_signals_at_exit()
    leave_if_signalled()


def _main() -> None:
    flags, words = split_arguments(sys.argv[1:])
    if "--version" in flags:
        say(f"lenet-ablate {__version__}")
        return
    asked = [flag.removeprefix("--help=") for flag in flags if flag.startswith("--help=")]
    if asked or "--help" in flags or "-h" in flags:
        _help([*asked, *words], flags)
        return
    if flags and flags[-1] in ("-sc", "--shell-completion") and words and _complete(words[0]):
        return
    try:
        _run(flags, words)
    except SystemExit as stop:  # argparse ends with 2, which here means something else
        sys.exit(1 if stop.code == 2 else stop.code)
    except LenetAblateError as error:
        sys.exit(str(error))


def _complete(action: str) -> bool:
    """Print what the word at the cursor can become, as Hydra's scripts for the shells expect it.

    Returns:
        Whether it was asked for that, and not for a value of Hydra's own or for one of these scripts.
    """
    asked, _, shell = action.partition("=")
    line = os.environ.get("COMP_LINE", "")
    word = line.rpartition(" ")[2]
    if asked != "query" or (word.startswith("hydra") and "=" in word and not word.startswith(PREFIX)):
        return False
    from lenet_ablate.cli.completion import completions

    flags, _ = split_arguments(line.split()[1:])
    found = completions(line, [config_dir(), *_extra_config_dirs(flags)])
    say(("\n" if shell == "fish" else " ").join(found))
    return True


def _help(topics: Sequence[str], flags: Sequence[str]) -> None:
    from lenet_ablate.cli.help import help_text
    from lenet_ablate.cli.topics import topic_text

    if not topics:
        say(help_text(), end="")
    try:
        for topic in topics:
            say(topic_text(topic, [config_dir(), *_extra_config_dirs(flags)]), end="")
    except LenetAblateError as error:
        sys.exit(str(error))


def split_arguments(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The flags with their values, and the other words, so that both may stand in any order."""
    flags: list[str] = []
    words: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument in INFO_VALUES and flags and flags[-1] in INFO_FLAGS:
            flags.append(argument)
            continue
        if not argument.startswith("-"):
            words.append(argument)
            continue
        flags.append(argument)
        if argument in FLAGS_WITH_VALUE:
            flags += [value for value in [next(rest, None)] if value is not None]
    return flags, words


def _run(flags: list[str], words: list[str]) -> None:
    _check_working_folder()
    import hydra

    from lenet_ablate.cli.overrides import (
        check_flags,
        check_grid_words,
        check_overrides,
        last_of_each,
        other_words,
        swept_words,
    )
    from lenet_ablate.config.grid_words import to_hydra

    words, told = last_of_each(words)
    asks_only = any(flag.partition("=")[0] in FLAGS_WITHOUT_RUN for flag in flags)
    if not any(flag in ("-sc", "--shell-completion") for flag in flags):
        config_dirs = [config_dir(), *_extra_config_dirs(flags)]
        missing = [f"--config-dir {path}: {no_folder(path)}" for path in config_dirs if not path.is_dir()]
        problems = [*missing, *check_flags(flags)] or [
            *check_grid_words(words, config_dirs),
            *check_overrides(other_words(words), config_dirs),
        ]
        if problems:
            sys.exit("\n".join(problems))
        if asks_only and (swept := swept_words(words)):
            sys.exit(f"{swept[0]}: {SINGLE} of a sweep")
        for line in told:
            warn(line)
    if not asks_only:
        flags = [flag for flag in flags if flag not in ("-m", "--multirun", "-r", "--run")] + ["-m"]
    elif other_words(words) != words:
        sys.exit(f"{SINGLE} of an experiment or design")
    sys.argv[1:] = [*flags, *to_hydra(words)]

    from hydra.core.plugins import Plugins

    from hydra_plugins.lenet_ablate import optuna_sweeper, ray_launcher
    from hydra_plugins.lenet_ablate._task import train_one

    Plugins.instance()  # finds hydra-ray-launcher, too, whose choice has the same name
    ray_launcher.register()
    optuna_sweeper.register()
    hydra.main(version_base="1.3", config_path=str(config_dir()), config_name="config")(train_one)()


def _check_working_folder() -> None:
    try:
        Path.cwd()
    except OSError:
        sys.exit("the current folder is gone or cannot be entered; change to another one: cd")


def _extra_config_dirs(flags: Sequence[str]) -> list[Path]:
    found = []
    for flag, value in itertools.zip_longest(flags, flags[1:], fillvalue=""):
        name, _, joined = flag.partition("=")
        if name in ("--config-dir", "-cd"):
            found.append(Path(joined or value))
    return found
