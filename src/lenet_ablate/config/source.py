"""The user's own code as text: a file and what it imports from its folder, read and parsed, and never run here.

Only a factory that the user names is read; what makes a module of it is `engines.own_code`.
"""

from __future__ import annotations

import ast
import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lenet_ablate.config.checks import closest
from lenet_ablate.config.home import expand_home
from lenet_ablate.config.signature import Parameters, bound_names, needs_closure, parameters_of
from lenet_ablate.errors import ConfigError

MAX_FILES, MAX_BYTES = 500, 10 << 20

Stamp = tuple[int, int] | None


@dataclass(frozen=True)
class Source:
    """A function or class in a file, with all files that it can be made from.

    Attributes:
        file: The file, an absolute path.
        name: Of the function or class.
        root: The folder that imports are looked up in: the file's own, or the one that its package lies in.
        files: Content by path within the root, with `/` between its parts; the file itself and every file of the root
            that an import statement reaches.
        parameters: What it takes, as far as its text tells; None where it must be asked, as of `name = partial(…)`.
        needs_closure: Whether its text tells that it is an optimizer whose steps are given a closure, as L-BFGS's are.
    """

    file: Path
    name: str
    root: Path
    files: Mapping[str, bytes]
    parameters: Parameters | None
    needs_closure: bool = False

    @property
    def module(self) -> str:
        """The file's name as imports have it: `nets`, or `package.nets`."""
        return ".".join(self.file.relative_to(self.root).with_suffix("").parts)

    @property
    def title(self) -> str:
        """What it is called in a message: `nets.py:wide`."""
        return f"{self.file.name}:{self.name}"

    @cached_property
    def sha256(self) -> str:
        """Digest of the files, in hex; the file itself may be called anything, what it imports has its name."""
        own = self.file.relative_to(self.root).as_posix()
        found = hashlib.sha256()
        for name, content in sorted(("" if name == own else name, content) for name, content in self.files.items()):
            found.update(f"{name}\0{len(content)}\0".encode("utf-8", "surrogateescape") + content)
        return found.hexdigest()


def split_factory(factory: str) -> tuple[str, str]:
    """Path and name of `FILE.py:NAME`."""
    path, _, name = factory.rpartition(":")
    return path, name


def read_source(factory: str, key: str) -> Source:
    """The code behind `FILE.py:NAME`, read anew where a file has changed.

    Args:
        factory: As it was typed.
        key: The setting that names it, for messages.

    Raises:
        ConfigError: There is no such file or name, or it is no Python, in one line.
    """
    path, name = split_factory(factory)
    file = Path(os.path.abspath(expand_home(path)))  # noqa: PTH100 # a link's own folder is where its imports lie
    known = _READ.get((file, name))
    if known and all(_stamp(probed) == stamp for probed, stamp in known[1].items()):
        return known[0]
    try:
        reader = _Reader(_root_of(file))
        text = reader.take(file)
    except OSError as error:
        raise ConfigError(f"{key}={factory}: {os.strerror(error.errno or 0)}") from None
    except _TooMuch as error:
        imported = ".".join(file.relative_to(_root_of(file)).with_suffix("").parts)
        way = f"put 'from {imported} import {name}' into a file of yours, and name that: {key}=FILE.py:{name}"
        raise ConfigError(f"{key}={factory}: {error}; of an installed package, {way}") from None
    except (SyntaxError, ValueError, RecursionError) as error:
        raise ConfigError(f"{key}={factory}: {_wrong(error)}") from None
    bound = bound_names(text)
    if name not in bound and "*" not in bound:
        guess = closest(name, (each for each in bound if each.isidentifier()))
        meant = f"; did you mean {guess}?" if guess else ""
        raise ConfigError(f"{key}={factory}: {file.name} has no function or class '{name}'{meant}")
    files = dict(sorted(reader.files.items()))
    source = Source(file, name, reader.root, files, parameters_of(text, name), needs_closure(text, name))
    _READ[file, name] = source, reader.probed
    return source


_READ: dict[tuple[Path, str], tuple[Source, dict[Path, Stamp]]] = {}


class _TooMuch(ValueError):
    """Code of more than MAX_FILES or MAX_BYTES."""


class _Reader:
    """Collects files, following imports.

    Args:
        root: The folder that imports are looked up in.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: dict[str, bytes] = {}
        self.probed: dict[Path, Stamp] = {}

    def take(self, file: Path) -> ast.Module:
        """Collect a file and what it imports; returns its syntax tree.

        Raises:
            OSError: It cannot be read.
            SyntaxError: It, or what it imports, is no Python; tells the file.
            ValueError: There is too much of it.
        """
        self.probed[file] = stamp = _stamp(file)
        if file.exists() and (stamp is None or stamp[1] > MAX_BYTES):
            raise ValueError(f"{file} is no ordinary file of at most {MAX_BYTES >> 20} MB")
        name = file.relative_to(self.root).as_posix()
        self.files[name] = content = file.read_bytes()
        if len(self.files) > MAX_FILES or sum(map(len, self.files.values())) > MAX_BYTES:
            raise _TooMuch(f"imports more than {MAX_FILES} files or {MAX_BYTES >> 20} MB from {self.root}")
        tree = ast.parse(content, str(file))
        parts = file.relative_to(self.root).with_suffix("").parts
        package = parts[:-1]  # also of an __init__.py, whose package is its folder
        for ancestor in range(1, len(package) + 1):
            self._take_if_there(self.root.joinpath(*package[:ancestor], "__init__.py"))
        for imported in imported_names(tree, package):
            self._follow(imported)
        return tree

    def _follow(self, parts: tuple[str, ...]) -> None:
        for length in range(1, len(parts) + 1):
            place = self.root.joinpath(*parts[:length])
            is_package = self._take_if_there(place / "__init__.py")
            if not is_package and self._take_if_there(place.with_name(f"{place.name}.py")):
                return
            if not is_package and not place.is_dir():
                return

    def _take_if_there(self, file: Path) -> bool:
        self.probed.setdefault(file, _stamp(file))
        if self.probed[file] is None:
            return False
        if file.relative_to(self.root).as_posix() not in self.files:
            self.take(file)
        return True


def imported_names(tree: ast.AST, package: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The parts of every dotted name that a file's import statements may mean, wherever they stand.

    Args:
        tree: The file's syntax tree.
        package: The parts of the package that it belongs to, which relative imports start from.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = (*above, *(node.module.split(".") if node.module else ()))
            yield from ((*base, alias.name) for alias in node.names)


def _root_of(file: Path) -> Path:
    folder = file.parent
    while (folder / "__init__.py").is_file() and folder.parent != folder:
        folder = folder.parent
    return folder


def _stamp(file: Path) -> Stamp:
    try:
        found = file.stat()
    except (OSError, ValueError):
        return None
    return (found.st_mtime_ns, found.st_size) if file.is_file() else None


def _wrong(error: Exception) -> str:
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}, line {error.lineno}: {type(error).__name__}: {error.msg}"
    return " ".join(str(error).split()) or type(error).__name__
