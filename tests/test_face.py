"""The Python interface: light, complete, and the only thing that the guides import."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import lenet_ablate

ROOT = Path(__file__).parents[1]


def test_every_name_is_there_and_sorted() -> None:
    assert lenet_ablate.__all__ == sorted(lenet_ablate.__all__)
    for name in lenet_ablate.__all__:
        assert getattr(lenet_ablate, name) is not None and name in dir(lenet_ablate)
    public = [name for name in lenet_ablate.__all__ if not name.startswith("_")]
    assert all(getattr(lenet_ablate, name).__doc__ for name in public)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'lenet_ablate' has no attribute 'read_run'"):
        lenet_ablate.read_run  # noqa: B018


def test_importing_it_loads_nothing_heavy() -> None:
    script = "import sys, lenet_ablate; print(sorted({'torch', 'pandas', 'numpy', 'hydra', 'yaml'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("order", ["", "import lenet_ablate.report.options, lenet_ablate.sweep.signals; "])
def test_two_wings_are_functions_too_whoever_imports_them_first(order: str) -> None:
    script = f"""{order}import inspect, sys, lenet_ablate
assert 'pandas' not in sys.modules
from lenet_ablate import report, sweep
assert callable(sweep) and callable(report) and sweep is lenet_ablate.sweep
import lenet_ablate.sweep.signals, lenet_ablate.report.options as options
assert lenet_ablate.sweep.signals.Stop and options.ReportOptions and callable(lenet_ablate.sweep)
assert sweep.__doc__.startswith('Train one run') and 'study' in inspect.signature(report).parameters
try:
    report('nowhere')
except lenet_ablate.LenetAblateError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.startswith("nowhere: there is no such folder"), done.stderr


def test_the_guides_import_from_the_face_alone() -> None:
    pages = [(ROOT / name).read_text(encoding="utf-8") for name in ("docs/python.md", "docs/prediction.md")]
    blocks = [block for page in pages for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL)]
    nodes = [node for block in blocks for node in ast.walk(ast.parse(block)) if isinstance(node, ast.ImportFrom)]
    ours = [node for node in nodes if (node.module or "").startswith("lenet_ablate")]
    assert ours
    for node in ours:
        assert node.module == "lenet_ablate"
        assert {alias.name for alias in node.names} <= set(lenet_ablate.__all__)
