"""Run folders that somebody forged, or that an accident left: structurally changed, and signed as if genuine."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lenet_ablate.config.yaml_text import from_yaml, to_yaml
from lenet_ablate.records.record import CONFIG, METRICS, MODEL, PREDICTIONS, RESULT, STATUS

HOSTILE_VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    10**18,
    10**400,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "x" * 20_000,
    "\ud800",
    "../../escape",
    "\x1b]0;title\x07",
    [],
    {},
    [[[[[[1]]]]]],
    list(range(20_000)),
    {str(number): number for number in range(2000)},
    {"": {"": {"": None}}},
)
FILES = (STATUS, CONFIG, METRICS, RESULT, PREDICTIONS, MODEL)
JSON_FILES = (STATUS, RESULT, "calibration.json")


def paths_of(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a nest of mappings and lists, the whole first."""
    yield before
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from paths_of(value[key], (*before, key))


def replaced(value: Any, path: tuple[Any, ...], by: Any) -> Any:
    """The same with another value, or without the entry where that is `Ellipsis`."""
    if not path:
        return {} if by is ... else by
    changed = copy.deepcopy(value)
    *above, last = path
    place = changed
    for key in above:
        place = place[key]
    if by is ...:
        del place[last]
    else:
        place[last] = by
    return changed


def sign(folder: Path) -> None:
    """Make the status name the digests that the files now have, as a forger would."""
    status = json.loads((folder / STATUS).read_bytes())
    for name in status["files"]:
        if (folder / name).is_file():
            status["files"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / STATUS).write_text(json.dumps(status))


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value), encoding="utf-8", errors="surrogatepass")


def change_json(folder: Path, name: str, number: int, by: Any) -> None:
    """Put a hostile value at the n-th place of a JSON file (or of config.yaml), and sign it."""
    if not (folder / name).is_file():
        return
    content = (folder / name).read_bytes()
    value = from_yaml(content) if name == CONFIG else json.loads(content)
    places = list(paths_of(value))
    changed = replaced(value, places[number % len(places)], by)
    if name == CONFIG:
        try:
            (folder / name).write_bytes(to_yaml(changed))
        except UnicodeEncodeError:  # JSON is YAML too, and can spell it
            write_json(folder / name, changed)
    else:
        write_json(folder / name, changed)
    if name != STATUS:
        sign(folder)


def put_in_place(path: Path, kind: str) -> None:
    """Something that is no file, in a file's (or a folder's) place."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    if kind == "folder":
        path.mkdir()
        (path / "inside").write_text("x")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "loop":
        path.symlink_to(path.name)
    elif kind == "nothing":
        path.symlink_to("not-there")
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "huge":
        with path.open("wb") as file:
            file.truncate(1 << 40)


KINDS = ("folder", "pipe", "loop", "nothing", "device", "huge", "missing")


def _bomb(folder: Path, **arrays: Any) -> None:
    with zipfile.ZipFile(folder / PREDICTIONS, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in arrays.items():
            file.writestr(f"{name}.npy", content)
    sign(folder)


def _header(shape: str, descr: str = "|u1") -> bytes:
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text


def _replace(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    if name != STATUS:
        sign(folder)


def _yaml_aliases() -> bytes:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    return "\n".join(lines).encode()


def _files(folder: Path, files: dict[str, str]) -> None:
    status = json.loads((folder / STATUS).read_bytes())
    write_json(folder / STATUS, status | {"files": status["files"] | files})


def _with_settings(folder: Path, text: bytes) -> None:
    _replace(folder, CONFIG, (folder / CONFIG).read_bytes() + text)


EMPTY = hashlib.sha256(b"").hexdigest()
TRICKS: dict[str, Callable[[Path], None]] = {
    "deep status": lambda folder: _replace(folder, STATUS, b"[" * 1_000_000),
    "deep result": lambda folder: _replace(folder, RESULT, b'{"a":' * 100_000),
    "many values": lambda folder: _replace(folder, RESULT, b"[" + b"{}," * 300_000 + b"{}]"),
    "many names": lambda folder: _files(folder, {f"f{n}": EMPTY for n in range(200_000)}),
    "absolute name": lambda folder: _files(folder, {"/etc/passwd": EMPTY}),
    "name above": lambda folder: _files(folder, {"../../../etc/passwd": EMPTY}),
    "device name": lambda folder: _files(folder, {"/dev/zero": EMPTY}),
    "reserved name": lambda folder: _files(folder, {"CON": EMPTY}),
    "long name": lambda folder: _files(folder, {"x" * 10_000: EMPTY}),
    "aliases": lambda folder: _replace(folder, CONFIG, _yaml_aliases()),
    "deep yaml": lambda folder: _replace(folder, CONFIG, b"[" * 60_000),
    "deep blocks": lambda folder: _replace(folder, CONFIG, b"- " * 30_000),
    "tags": lambda folder: _with_settings(folder, b"x: !!python/object/apply:os.system ['touch HACKED']\n"),
    "long number": lambda folder: _with_settings(folder, b"seed: 0x" + b"f" * 4000 + b"\n"),
    "long list": lambda folder: _with_settings(folder, b"model: {hidden: [" + b"1," * 9000 + b"1]}\n"),
    "many keys": lambda folder: _with_settings(folder, b"".join(b"seee%d: 1\n" % n for n in range(3000))),
    "other seed": lambda folder: _replace(
        folder, CONFIG, (folder / CONFIG).read_bytes().replace(b"\nseed: 0\n", b"\nseed: 7\n")
    ),
    "wide table": lambda folder: _replace(folder, METRICS, b"," * 5_000_000),
    "long table": lambda folder: _replace(folder, METRICS, (folder / METRICS).read_bytes() + b"\n" * 5_000_000),
    "long field": lambda folder: _replace(folder, METRICS, (folder / METRICS).read_bytes()[:-2] + b"x" * 200_000),
    "zip bomb": lambda folder: _bomb(folder, digits=_header("(99999999,)") + bytes(50_000_000), probabilities=b""),
    "many dimensions": lambda folder: _bomb(folder, digits=_header("(" + "1," * 500 + ")"), probabilities=b""),
    "huge shape": lambda folder: _bomb(folder, digits=_header("(999999999,)"), probabilities=_header("(1,)", "<f2")),
    "objects": lambda folder: _bomb(folder, digits=_header("(1,)", "|O") + b"cos\nsystem\n", probabilities=b""),
    "no zip": lambda folder: _replace(folder, PREDICTIONS, b"PK\x03\x04" + bytes(100)),
    "huge header": lambda folder: _replace(folder, MODEL, (90 << 20).to_bytes(8, "little") + b"{" + b" " * (1 << 20)),
    "no header": lambda folder: _replace(folder, MODEL, b""),
    "other type": lambda folder: _replace(folder, STATUS, np.arange(1000).tobytes()),
    "no files": lambda folder: write_json(
        folder / STATUS, {k: v for k, v in json.loads((folder / STATUS).read_bytes()).items() if k != "files"}
    ),
    "calibration": lambda folder: (folder / "calibration.json").write_text("[" * 50_000) and None,
}


def forge(genuine: Path, target: Path, number: int) -> None:
    """The n-th of many forged copies of a genuine run, in a folder of its own name's kind."""
    shutil.copytree(genuine, target)
    tricks = list(TRICKS.values())
    if number < len(tricks):
        tricks[number](target)
        return
    number -= len(tricks)
    if number < len(FILES) * len(KINDS):
        put_in_place(target / FILES[number % len(FILES)], KINDS[number // len(FILES)])
        return
    number -= len(FILES) * len(KINDS)
    names = (*JSON_FILES, CONFIG)
    change_json(target, names[number % len(names)], number // len(names) * 7, HOSTILE_VALUES[number % 19])
