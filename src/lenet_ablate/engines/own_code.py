"""The user's own code, run: its files become modules of their own, exactly as they were read, and its errors one line.

What the code imports from its own folder comes from the files that its digest is of, whatever lies there by now. The
modules have names that nothing else has, so that two versions of one file can be loaded in one process.
"""

from __future__ import annotations

import builtins
import contextlib
import importlib
import importlib.abc
import importlib.util
import sys
import threading
import traceback
import types
from collections.abc import Iterator, Mapping, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from lenet_ablate.config.source import Source
from lenet_ablate.errors import ConfigError, LenetAblateError
from lenet_ablate.rendering.escape import one_line

_PREFIX = "_lenet_ablate_own_"
_LOADING = threading.RLock()


def load_factory(source: Source) -> Any:
    """The function or class that a source names; its file is run, once in a process.

    Raises:
        ConfigError: It raises something, or has no such name, in one line.
    """
    with _LOADING, naming(source):
        _FINDER.sources[_package(source)] = source
        if _FINDER not in sys.meta_path:
            sys.meta_path.insert(0, _FINDER)
        module = importlib.import_module(f"{_package(source)}.{source.module}")
    if not callable(found := getattr(module, source.name, None)):
        what = "is no function or class" if hasattr(module, source.name) else "is not there once the file has run"
        raise ConfigError(f"{source.title}: {what}")
    return found


@contextlib.contextmanager
def naming(*sources: Source) -> Iterator[None]:
    """Within, whatever the code raises becomes one line that names its file and line; memory that ran out does not.

    Args:
        sources: The code that is run within; what is raised elsewhere is put down to the first.

    Raises:
        ConfigError: Instead of what was raised, which is its cause and has the traceback.
    """
    try:
        yield
    except (LenetAblateError, MemoryError):
        raise
    except (Exception, SystemExit) as error:
        if type(error).__name__ == "OutOfMemoryError":  # PyTorch's
            raise
        raise ConfigError(f"{_place(sources, error)}: {_told(error)}") from error


def _told(error: BaseException) -> str:
    text = one_line(error, 500)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _place(sources: Sequence[Source], error: BaseException) -> str:
    """Where the code was when something was raised: the innermost of its own lines."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}, line {error.lineno}"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        file = Path(frame.filename)
        if any(_has(source, file) for source in sources):
            return f"{file.name}, line {frame.lineno}, in {frame.name}"
    return sources[0].title


def _has(source: Source, file: Path) -> bool:
    return file.is_relative_to(source.root) and file.relative_to(source.root).as_posix() in source.files


def _package(source: Source) -> str:
    return f"{_PREFIX}{source.sha256}"


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds and runs the modules of sources; `sources` by the package that each is kept under."""

    def __init__(self) -> None:
        self.sources: dict[str, Source] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> ModuleSpec | None:
        """Where a module comes from; None where it is none of these."""
        package, _, inner = fullname.partition(".")
        source = self.sources.get(package)
        if source is None:
            return None
        found = _file_of(source, inner)
        if found is None and not _is_folder(source, inner):
            return None
        is_package = found is None or found.endswith("__init__.py")
        spec = ModuleSpec(fullname, self, origin=None, is_package=is_package)
        if found is not None:
            spec.origin, spec.has_location = str(source.root / found), True
        return spec

    def exec_module(self, module: types.ModuleType) -> None:
        """Run a module's file."""
        package, _, inner = module.__name__.partition(".")
        source = self.sources[package]
        found = _file_of(source, inner)
        if found is None:
            return
        code = compile(source.files[found], str(source.root / found), "exec", dont_inherit=True)
        # Its import statements, at whatever time they run, look into its own folder first, as a script's do.
        own: dict[str, Any] = {**vars(builtins), "__import__": _importer(package, source)}
        vars(module)["__builtins__"] = own
        exec(code, vars(module))  # nosec B102 # code that the user named, to be run


_FINDER = _Finder()


def _file_of(source: Source, inner: str) -> str | None:
    path = inner.replace(".", "/")
    names = (f"{path}.py", f"{path}/__init__.py")
    return next((name for name in names if name in source.files), None)


def _is_folder(source: Source, inner: str) -> bool:
    """Whether it is the source as a whole, or a folder of it without an `__init__.py`."""
    return not inner or any(name.startswith(f"{inner.replace('.', '/')}/") for name in source.files)


def _importer(package: str, source: Source) -> Any:
    tops = {name.partition("/")[0].removesuffix(".py") for name in source.files}
    usual = builtins.__import__

    def own_import(
        name: str,
        globals: Mapping[str, object] | None = None,  # as Python calls it
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        top = name.partition(".")[0]
        if level or top not in tops:
            return usual(name, globals, locals, fromlist or (), level)
        if fromlist:
            return usual(f"{package}.{name}", globals, locals, fromlist, 0)
        importlib.import_module(f"{package}.{name}")
        return sys.modules[f"{package}.{top}"]

    return own_import
