"""What a function or class takes, told by its text alone, and whether a call with some arguments fits."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lenet_ablate.config.checks import closest


@dataclass(frozen=True)
class Parameters:
    """What can be given by name.

    Attributes:
        names: In their order.
        needed: Those without a default; one that cannot be given by name is among them.
        takes_any: Whether any other name is taken too (`**more`).
        first: What the first argument given by its place is called; empty where there is none or it is not known.
        is_class: Whether it is a class.
    """

    names: tuple[str, ...]
    needed: frozenset[str] = frozenset()
    takes_any: bool = False
    first: str = ""
    is_class: bool = False

    def is_of_tensor(self, given: Collection[str]) -> bool:
        """Whether it is a function of a tensor, with these arguments beside it, rather than what makes a module."""
        return not self.is_class and self.first in self.needed and self.first not in given

    def without_first(self) -> Parameters:
        """What can be given once the first argument is given by its place."""
        names = tuple(name for name in self.names if name != self.first)
        return Parameters(names, self.needed - {self.first}, self.takes_any, is_class=self.is_class)

    def problems(self, given: Collection[str]) -> list[str]:
        """What is wrong with a call that gives these arguments, in words; empty where it fits."""
        wrong = [] if self.takes_any else [name for name in given if name not in self.names]
        told = [self._no_such(name) for name in wrong]
        return told + [f"needs '{name}'" for name in sorted(self.needed - set(given))]

    def _no_such(self, name: str) -> str:
        guess = closest(name, self.names)
        meant = f"; did you mean '{guess}'?" if guess else ""
        takes = ", ".join(self.names) or "none"
        return f"has no argument '{name}'{meant} (its arguments: {takes})"


def bound_names(tree: ast.Module) -> list[str]:
    """The names that a module has once it has run, in their order, `*` for all those of another one."""
    return list(dict.fromkeys(_bound(tree.body)))


def _bound(body: Sequence[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from ((alias.asname or alias.name).partition(".")[0] for alias in node.names)
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                yield inner.id
        for part in ("body", "orelse", "finalbody"):
            yield from _bound(getattr(node, part, []))
        for handler in getattr(node, "handlers", []):
            yield from _bound(handler.body)


def parameters_of(tree: ast.Module, name: str) -> Parameters | None:
    """What a top-level function or class takes; None where its text does not tell for sure."""
    found = [node for node in tree.body if name in _bound([node])]
    if len(found) != 1 or getattr(found[0], "decorator_list", []):
        return None
    node = found[0]
    if isinstance(node, ast.ClassDef):
        own = [inner for inner in node.body if isinstance(inner, ast.FunctionDef) and inner.name == "__init__"]
        if node.keywords or len(own) != 1 or own[0].decorator_list:
            return None
        return _parameters(own[0].args, is_method=True)
    return _parameters(node.args, is_method=False) if isinstance(node, ast.FunctionDef) else None


def needs_closure(tree: ast.Module, name: str) -> bool:
    """Whether it makes an optimizer whose `step` cannot do without a closure, as far as its text tells."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and any((each.asname or each.name) == name for each in node.names):
            return any(each.name == _CLOSURE_RULE and (each.asname or each.name) == name for each in node.names)
        if name not in _bound([node]):
            continue
        steps = [
            each for each in getattr(node, "body", ()) if isinstance(each, ast.FunctionDef) and each.name == "step"
        ]
        if isinstance(node, ast.ClassDef) and steps:
            return len(steps[-1].args.args) - len(steps[-1].args.defaults) > 1
        used = [*node.bases, *node.body] if isinstance(node, ast.ClassDef) else [node]
        return any(
            _CLOSURE_RULE in (getattr(inner, "attr", ""), getattr(inner, "id", ""))
            for each in used
            for inner in ast.walk(each)
        )
    return False


_CLOSURE_RULE = "LBFGS"
"""The only optimizer of PyTorch's whose steps must be given a closure."""


def _parameters(args: ast.arguments, is_method: bool) -> Parameters:
    positional = [*args.posonlyargs, *args.args]
    without = positional[: len(positional) - len(args.defaults)]
    needed = {arg.arg for arg in without} | {
        arg.arg for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True) if default is None
    }
    names = [arg.arg for arg in (*args.args, *args.kwonlyargs)]
    if is_method and positional:
        own = positional.pop(0).arg
        needed.discard(own)
        names = [name for name in names if name != own]
    first = positional[0].arg if positional else ""
    return Parameters(tuple(names), frozenset(needed), args.kwarg is not None, first, is_method)


def parameters_asked(called: Callable[..., Any]) -> Parameters:
    """What a function or class takes, asked of itself; anything at all where it does not say."""
    try:
        signature = inspect.signature(called)
    except (TypeError, ValueError):
        return Parameters((), takes_any=True, is_class=inspect.isclass(called))
    kinds = inspect.Parameter
    by_name = {
        name: found
        for name, found in signature.parameters.items()
        if found.kind not in (kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD)
    }
    return Parameters(
        tuple(name for name, found in by_name.items() if found.kind is not kinds.POSITIONAL_ONLY),
        frozenset(name for name, found in by_name.items() if found.default is kinds.empty),
        any(found.kind is kinds.VAR_KEYWORD for found in signature.parameters.values()),
        next((name for name, found in by_name.items() if found.kind is not kinds.KEYWORD_ONLY), ""),
        inspect.isclass(called),
    )
