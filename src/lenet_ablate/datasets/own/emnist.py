"""What EMNIST's files (Cohen et al. 2017) tell beside their images: the characters that its labels stand for."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable
from pathlib import Path

_LINE = re.compile(r"([0-9]{1,4})((?: +[0-9]{1,6})+)")
_MAX_BYTES, _MAX_LABEL = 100_000, 1000


def names_beside(files: Iterable[Path]) -> tuple[str, ...]:
    """The names of the labels 0, 1, … by the file `emnist-<set>-mapping.txt` beside a set's files.

    Each line has a label and the code points of the characters that it stands for, `1 65 97` for A and a. Empty where
    there is no such file; a label that it leaves out has an empty name.
    """
    for file in files:
        family = re.match(r"(emnist-[a-z]+)-", file.name.lower())
        mapping = file.with_name(f"{family[1]}-mapping.txt") if family else file
        if family and mapping.is_file():
            with contextlib.suppress(OSError, ValueError):
                return _names_in(mapping)
    return ()


def _names_in(mapping: Path) -> tuple[str, ...]:
    with mapping.open("rb") as stream:
        text = stream.read(_MAX_BYTES).decode("ascii")
    found: dict[int, str] = {}
    for line in text.split("\n"):
        if match := _LINE.fullmatch(line.strip()):
            characters = [chr(int(code)) for code in match[2].split()]
            found[int(match[1])] = "".join(character for character in characters if character.isprintable())
    if not found or max(found) > _MAX_LABEL:
        return ()
    return tuple(found.get(label, "") for label in range(max(found) + 1))
