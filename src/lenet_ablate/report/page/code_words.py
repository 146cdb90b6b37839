"""Where a run's own code can be named so that it is what the run was trained with: its file, or the copy beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from lenet_ablate.config.own_code import FOLDER, Part, own_parts
from lenet_ablate.config.plan import factory_name
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.config.source import MAX_BYTES, read_source, split_factory
from lenet_ablate.config.text_words import key_of, quote_word, unquote_word
from lenet_ablate.errors import ConfigError
from lenet_ablate.report.study.study import Study


def factory_at_hand(study: Study, config: RunConfig, group: str) -> str:
    """`FILE.py:NAME` of a run's own code as it was trained with; nothing is run.

    The file that the run names, while it is the same; else the copy in one of the variant's run folders; else the file.

    Args:
        study: The run's.
        config: The run's settings.
        group: `model`, `optimizer` or `activation`, which is own code.
    """
    part = own_parts(config)[group]
    factory = str(part.factory)
    if _is_same(factory, part):
        return factory
    path, name = split_factory(factory)
    file = Path(path)
    tails = [Path(*file.parts[-count:]) for count in range(1, min(len(file.parts), 6))]
    for run in _runs_of(study, config, group):
        for folder in (run / FOLDER, run / FOLDER / group):
            for tail in tails:
                copy = f"{folder / tail}:{name}"
                if _is_same(copy, part):
                    return copy
    return factory


def with_code_at_hand(study: Study, configs: Iterable[RunConfig], command: Sequence[str]) -> list[str]:
    """The words of the command of these runs, each file of code that has changed since replaced by the copy in `own/`.

    A word that names several is left alone where one of them stands for two versions.
    """
    by_title: dict[tuple[str, str, str], dict[str | None, RunConfig]] = {}
    for config in configs:
        for group, part in own_parts(config).items():
            path, name = split_factory(str(part.factory))
            by_title.setdefault((group, Path(path).name, name), {})[part.sha256] = config
    words = []
    for word in command:
        group, _, setting = key_of(word).partition(".")
        plain = unquote_word(word.lstrip("+"))
        if setting != "factory" or "[" in plain:
            words.append(word)
            continue
        factories = plain.partition("=")[2].split(",")
        found = []
        for factory in factories:
            path, name = split_factory(factory.strip("'\""))
            versions = list(by_title.get((group, Path(path).name, name), {}).values())
            hand = factory_at_hand(study, versions[0], group) if len(versions) == 1 else factory
            is_changed = len(versions) == 1 and hand != own_parts(versions[0])[group].factory
            found.append(hand if is_changed else factory)
        words.append(quote_word(f"{group}.factory={','.join(found)}") if found != factories else word)
    return words


def _runs_of(study: Study, config: RunConfig, group: str) -> list[Path]:
    part = own_parts(config)[group]
    sames = [
        identity
        for identity, other in study.configs.items()
        if (own := own_parts(other).get(group)) is not None
        and (own.sha256, factory_name(own)) == (part.sha256, factory_name(part))
    ]
    runs = study.design.loc[study.design["variant_id"].isin(sames), "run"]
    return [study.run_folder(str(run)) for run in runs]


def _is_same(factory: str, part: Part) -> bool:
    """Whether a file, which may be anybody's by now, holds the code; one that is none of a size to be code does not."""
    file = Path(split_factory(factory)[0])
    try:
        if not file.is_file() or file.stat().st_size > MAX_BYTES:
            return False
        return read_source(factory, "factory").sha256 == part.sha256
    except (ConfigError, OSError, ValueError):
        return False
