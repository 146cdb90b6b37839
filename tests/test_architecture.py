"""The house: imports go down only, there are no circles, and modules stay small."""

from __future__ import annotations

import ast
import functools
import graphlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src"
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")

# The house from the top down: a wing imports from the lines below its own, and the modules of a wing from one another.
WINGS = [
    {"__main__", "api"},
    {"cli"},  # with the plugins the only code that knows Hydra
    {"hydra_plugins"},
    {"sweep", "runs"},
    {"training", "loggers"},
    {"studies", "report", "predict"},
    {"engines"},
    {"records", "datasets"},
    {"config", "rendering"},
    {"errors"},
]
# Within the report.
REPORT = [
    {"main"},
    {"terminal"},
    {"build"},
    {"overview"},
    {"assemble"},
    {"page", "fingerprint", "findings"},
    {"tables", "figures", "reading"},
    {"analysis", "options"},
    {"study", "text", "write", "progress"},
]
MAY_KNOW_HYDRA = {"cli", "hydra_plugins"}
FACE = "lenet_ablate.__init__"


@functools.cache
def modules() -> dict[str, Path]:
    return {".".join(path.relative_to(SRC).with_suffix("").parts): path for path in SRC.rglob("*.py")}


def wing(module: str) -> str:
    parts = module.split(".")
    return parts[0] if parts[0] == "hydra_plugins" else parts[1]


def report_room(module: str) -> str:
    return module.split(".")[2]


@functools.cache
def imports(path: Path) -> set[str]:
    """Every module imported anywhere in a file; for `from a import b`, both a and a.b."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def own_imports(path: Path) -> set[str]:
    return {name for name in imports(path) if name in modules() and not name.endswith("__init__")}


def floor(room: str, house: list[set[str]]) -> int:
    """How many lines stand above a room's own."""
    (found,) = [number for number, rooms in enumerate(house) if room in rooms]
    return found


INNER = sorted(name for name in modules() if not name.endswith("__init__"))


@pytest.mark.parametrize("module", INNER)
def test_imports_go_down_only(module: str) -> None:
    for imported in own_imports(modules()[module]):
        down = floor(wing(imported), WINGS) > floor(wing(module), WINGS)
        assert down or wing(imported) == wing(module), f"{module} imports {imported}"


@pytest.mark.parametrize("module", [name for name in INNER if wing(name) == "report"])
def test_imports_go_down_only_within_the_report(module: str) -> None:
    for imported in own_imports(modules()[module]):
        if wing(imported) == "report":
            down = floor(report_room(imported), REPORT) > floor(report_room(module), REPORT)
            assert down or report_room(imported) == report_room(module), f"{module} imports {imported}"


def wing_arrows() -> dict[str, set[str]]:
    arrows: dict[str, set[str]] = {}
    for module in INNER:
        others = {wing(imported) for imported in own_imports(modules()[module])} - {wing(module)}
        arrows.setdefault(wing(module), set()).update(others)
    return arrows


def reachable(arrows: dict[str, set[str]], start: str) -> set[str]:
    below = arrows.get(start, set())
    return below.union(*(reachable(arrows, other) for other in below))


def test_the_figure_in_contributing_shows_the_imports() -> None:
    (text,) = re.findall(r"```mermaid\n(.*?)```", CONTRIBUTING, re.DOTALL)
    drawn: dict[str, set[str]] = {}
    for start, end in re.findall(r"^    (\w+) -->(?:\|.*?\|)? (\w+)$", text, re.MULTILINE):
        drawn.setdefault(start, set()).add(end)
    there = wing_arrows()
    del there["__main__"]
    assert drawn.keys() | {"errors", "rendering"} == there.keys()
    for room, below in there.items():
        assert drawn.get(room, set()) <= below, f"{room}: an arrow is drawn that is no import"
        assert below <= reachable(drawn, room), f"{room}: an import is neither drawn nor implied"


def test_every_module_named_in_contributing_is_there() -> None:
    named = set(re.findall(r"`((?:\w+/)+\w+\.(?:py|mjs|yaml|md))`", CONTRIBUTING)) - {""}
    real = [name for name in named if "NAME" not in name and not name.startswith("lenet_ablate/")]
    assert len(real) > 30
    for name in real:
        places = (SRC / "lenet_ablate" / name, SRC / name, ROOT / name)
        assert any(place.is_file() for place in places), name


def test_the_root_holds_wings_and_little_else() -> None:
    names = {path.name for path in (SRC / "lenet_ablate").iterdir() if path.name != "__pycache__"}
    wings = set.union(*WINGS) - {"hydra_plugins", "errors", "__main__"}
    assert names == wings | {"__init__.py", "__main__.py", "errors.py", "py.typed"}


def test_the_tests_mirror_the_wings() -> None:
    folders = {path.name for path in Path(__file__).parent.iterdir() if path.is_dir() and path.name != "__pycache__"}
    mirrored = set.union(*WINGS) - {"hydra_plugins", "errors", "__main__", "studies"}
    assert folders == mirrored | {"support", "environments", "soak"}


def test_there_are_no_circles() -> None:
    graph = {name: own_imports(path) - {name} for name, path in modules().items()}
    assert list(graphlib.TopologicalSorter(graph).static_order())


def test_packages_export_nothing_again() -> None:
    for name, path in modules().items():
        if name.endswith("__init__") and name != FACE:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            assert not [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))], name
            assert ast.get_docstring(tree), name


def test_hydra_plugins_is_a_namespace() -> None:
    assert not (SRC / "hydra_plugins/__init__.py").exists()


def test_only_the_command_line_knows_hydra() -> None:
    for name, path in modules().items():
        if any(imported.partition(".")[0] in ("hydra", "omegaconf") for imported in imports(path)):
            assert wing(name) in MAY_KNOW_HYDRA, name


def test_only_the_torch_engine_knows_torch() -> None:
    for name, path in modules().items():
        if any(imported.partition(".")[0] == "torch" for imported in imports(path)):
            is_reader = name == "lenet_ablate.datasets.own.torch_file"  # of files that only PyTorch can read
            assert name.startswith("lenet_ablate.engines.pytorch.") or is_reader, name


def test_torchvision_is_for_downloads_only() -> None:
    users = [name for name, path in modules().items() if any(i.startswith("torchvision") for i in imports(path))]
    assert sorted(users) == ["lenet_ablate.datasets.mnist", "lenet_ablate.datasets.relatives"]


@pytest.mark.parametrize(
    ("library", "users"),
    [
        ("tensorboard", {"lenet_ablate.loggers.tensorboard"}),
        ("torch.utils.tensorboard", {"lenet_ablate.engines.pytorch.graph"}),
        ("mlflow", {"lenet_ablate.loggers.mlflow"}),
    ],
)
def test_each_logger_alone_knows_its_library(library: str, users: set[str]) -> None:
    assert users == {
        name for name, path in modules().items() if any(f"{i}.".startswith(f"{library}.") for i in imports(path))
    }


@pytest.mark.parametrize("module", sorted(modules()))
def test_modules_and_functions_stay_small(module: str) -> None:
    text = modules()[module].read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert (node.end_lineno or 0) - node.lineno < 60, node.name


def test_there_is_no_utils() -> None:
    assert not [name for name in modules() if {"utils", "util", "common", "helpers", "misc"} & set(name.split("."))]


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("lenet_ablate.cli.main", {"hydra", "torch", "pandas", "matplotlib", "numpy"}),
        ("lenet_ablate.sweep.run", {"hydra", "torch", "torchvision", "pandas", "matplotlib", "sklearn", "scipy"}),
        ("lenet_ablate.sweep.run", {"tensorboard", "mlflow"}),
        ("lenet_ablate.records.frames", {"hydra", "torch", "torchvision", "matplotlib"}),
        (
            "lenet_ablate.runs.main, lenet_ablate.runs.listing, lenet_ablate.runs.show, lenet_ablate.runs.change",
            {"hydra", "numpy", "torch", "pandas", "matplotlib", "scipy"},
        ),
        ("lenet_ablate.api.train, lenet_ablate.api.report", {"torch", "pandas", "matplotlib", "scipy"}),
        ("lenet_ablate.report.main", {"hydra", "torch", "torchvision", "pandas", "matplotlib"}),
        ("lenet_ablate.engines.compiled.learner", {"hydra", "torch", "torchvision", "pandas", "matplotlib"}),
        (
            "lenet_ablate.predict.predictor, lenet_ablate.predict.main",
            {"hydra", "omegaconf", "numba", "torch", "torchvision", "pandas", "sklearn", "matplotlib"},
        ),
        ("hydra_plugins.lenet_ablate.ablation_sweeper", {"torch", "pandas", "numpy"}),
    ],
)
def test_what_a_module_does_not_import(module: str, absent: set[str]) -> None:
    script = f"import sys, {module}; print(sorted({absent!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_import_test_can_fail() -> None:
    script = "import sys, lenet_ablate.records.frames; print(sorted({'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout.strip() == "['pandas']"
