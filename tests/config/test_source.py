"""The user's code as text: which files belong to it, what it takes, and its digest."""

from __future__ import annotations

import ast
import inspect
import sys
from pathlib import Path

import pytest

from lenet_ablate.config.arguments import Arguments
from lenet_ablate.config.parse import parse_config
from lenet_ablate.config.plan import identity, run_name
from lenet_ablate.config.settings import RunConfig, to_mapping
from lenet_ablate.config.signature import Parameters, parameters_asked, parameters_of
from lenet_ablate.config.source import Source, read_source
from lenet_ablate.datasets.resolve import resolved
from lenet_ablate.errors import ConfigError

KEY = "model.factory"


def write(folder: Path, **files: str) -> Path:
    """Files by their path with `__` for `/`; the folder."""
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def read(folder: Path, name: str = "nets.py:f") -> Source:
    return read_source(str(folder / name), KEY)


def own(factory: str, **model: object) -> RunConfig:
    return resolved(parse_config({"model": {"name": "own", "c5": None, "factory": factory, **model}})[0])


def test_every_file_that_an_import_statement_reaches_belongs_to_it(tmp_path: Path) -> None:
    write(
        tmp_path,
        nets="import torch, deep.blocks\nfrom one import a\ndef f():\n    import late\n",
        one="from two import *",
        two="",
        late="from deep import inner",
        other="",
        torch_like="",
        **{"deep__" + "init": "", "deep__blocks": "from . import beside\nfrom .far import x", "deep__beside": ""},
        deep__far="",
        deep__inner="",
    )
    found = set(read(tmp_path).files)
    deep = {"deep/blocks.py", "deep/beside.py", "deep/far.py", "deep/inner.py"}
    assert found == {"nets.py", "one.py", "two.py", "late.py"} | deep


def test_a_file_in_a_package_is_imported_from_above_it(tmp_path: Path) -> None:
    (tmp_path / "kit").mkdir()
    (tmp_path / "kit/__init__.py").write_text("from kit import extra")
    write(tmp_path, kit__nets="from .blocks import x\nf = x", kit__blocks="x = 1", kit__extra="", kit__unused="")
    source = read(tmp_path, "kit/nets.py:f")
    assert (source.root, source.module) == (tmp_path, "kit.nets")
    assert set(source.files) == {f"kit/{name}.py" for name in ("__init__", "nets", "blocks", "extra")}


def test_the_digest_is_of_all_files_and_not_of_where_they_lie(tmp_path: Path) -> None:
    files = {"nets": "import one\ndef f(): pass\n", "one": "x = 1\n"}
    before = read(write(tmp_path / "a", **files)).sha256
    assert read(write(tmp_path / "b" / "c", **files)).sha256 == before
    (tmp_path / "a/other.py").write_text(files["nets"])
    assert read(tmp_path / "a", "other.py:f").sha256 == before
    write(tmp_path / "a", one="x = 2\n")
    changed = read(tmp_path / "a").sha256
    write(tmp_path / "a", one="x = 1\n", nets=files["nets"] + "# a comment\n")
    assert len({before, changed, read(tmp_path / "a").sha256}) == 3


def test_a_helper_that_appears_later_is_found_in_the_same_process(tmp_path: Path) -> None:
    write(tmp_path, nets="import one\ndef f(): pass\n")
    assert set(read(tmp_path).files) == {"nets.py"}
    write(tmp_path, one="")
    assert set(read(tmp_path).files) == {"nets.py", "one.py"}


SIGNATURES = """
class NoInit: pass
class C:
    def __init__(self, a, b=1, *, c, **more): pass
def f(a, /, b, c=2, *, d, e=3): pass
def g(): pass
h = f
"""


@pytest.mark.parametrize("name", ["C", "f", "g"])
def test_text_tells_what_python_tells(name: str) -> None:
    space: dict[str, object] = {}
    exec(SIGNATURES, space)
    assert parameters_of(ast.parse(SIGNATURES), name) == parameters_asked(space[name])  # type: ignore[arg-type]
    assert inspect.signature(space[name])  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["NoInit", "h"])
def test_text_that_does_not_tell_says_so(name: str) -> None:
    assert parameters_of(ast.parse(SIGNATURES), name) is None


def test_a_call_that_does_not_fit() -> None:
    takes = Parameters(("width", "depth"), frozenset({"depth"}))
    assert takes.problems(["depth"]) == []
    assert takes.problems(["widht", "depth"]) == [
        "has no argument 'widht'; did you mean 'width'? (its arguments: width, depth)"
    ]
    assert takes.problems([]) == ["needs 'depth'"]
    assert Parameters((), takes_any=True).problems(["x"]) == []


@pytest.mark.parametrize(
    ("text", "factory", "words"),
    [
        (None, "nets.py:f", r"No such file or directory"),
        ("def wide(): pass", "nets.py:wid", r"nets\.py has no function or class 'wid'; did you mean wide\?"),
        ("x = (\n", "nets.py:x", r"nets\.py, line 1: SyntaxError: "),
        ("import one\nf = 1", "nets.py:f", r"one\.py, line 2: SyntaxError: "),
        ("f = 1", "nets.py/x:f", r"Not a directory|No such file"),
        ("f = '\0'", "nets.py:f", r"null bytes"),
    ],
)
def test_code_that_cannot_be_read_is_one_line(tmp_path: Path, text: str | None, factory: str, words: str) -> None:
    if text is not None:
        write(tmp_path, nets=text, one="\n1 1\n")
    with pytest.raises(ConfigError, match=words) as caught:
        read(tmp_path, factory)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(KEY)


def test_nothing_is_run_by_reading(tmp_path: Path) -> None:
    write(tmp_path, nets=f"open({str(tmp_path / 'ran')!r}, 'w')\ndef f(): pass\n", one="")
    before = set(sys.modules)
    read(tmp_path)
    own(f"{tmp_path}/nets.py:f")
    assert not (tmp_path / "ran").exists()
    assert not any("nets" in name for name in set(sys.modules) - before)


def test_identity_is_code_name_and_arguments(tmp_path: Path) -> None:
    text = "def f(n=1): pass\ndef g(n=1): pass\n"
    write(tmp_path / "a", nets=text)
    write(tmp_path / "b", nets=text)
    first = own(f"{tmp_path}/a/nets.py:f")
    assert identity(first) == identity(own(f"{tmp_path}/b/nets.py:f")) == identity(resolved(first))
    others = [own(f"{tmp_path}/a/nets.py:g"), *(own(f"{tmp_path}/a/nets.py:f", args={"n": n}) for n in (1, 1.0, True))]
    write(tmp_path / "b", nets=text + "\n")
    others.append(own(f"{tmp_path}/b/nets.py:f"))
    assert len({identity(each) for each in (first, *others)}) == 6
    assert own(f"{tmp_path}/a/nets.py:f", args={}) == first
    assert run_name(others[1]).startswith("f-n1_max_relu")
    assert parse_config(to_mapping(others[2]))[0] == others[2]
    with pytest.raises(ConfigError, match="is not what it was: SHA-256"):
        own(f"{tmp_path}/b/nets.py:f", sha256=first.model.sha256)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"pool": "avg"}, "pool=avg: nets.py:f has no argument 'pool'; leave pool out"),
        ({"activation": "tanh"}, "activation=tanh: nets.py:f has no argument 'activation'"),
        ({"init": "gaussian"}, "init=gaussian: is for the networks here"),
        ({"model": {"args": {"num_classes": 3}}}, "model.args.num_classes: is given by the data set"),
        ({"model": {"args": {"m": 3}}}, "model.factory=nets.py:f: has no argument 'm'"),
        ({"model": {"args": {"n": float("nan")}}}, "model.args={'n': nan}: must be values by name"),
        ({"model": {"args": {"2n": 1}}}, "'2n' is no name"),
        ({"model": {"args": 3}}, "model.args=3: must be values by name, such as {width:32}"),
        ({"model": {"factory": None}}, "model=own: needs model.factory=FILE.py:NAME"),
        ({"model": {"name": "cnn4", "factory": "a.py:f"}}, "model.factory: is a setting of own, not of cnn4"),
        ({"data": {"name": "playground/xor"}}, "it needs model=mlp"),
    ],
)
def test_settings_that_do_not_go_together(tmp_path: Path, settings: dict[str, object], words: str) -> None:
    write(tmp_path, nets="def f(n=1): pass\n")
    model = {"name": "own", "c5": None, "factory": f"{tmp_path}/nets.py:f"} | settings.pop("model", {})  # type: ignore[operator]
    with pytest.raises(ConfigError) as caught:
        resolved(parse_config({"model": model, **settings})[0])
    assert words in str(caught.value)


def test_arguments_are_told_apart_as_json_is() -> None:
    assert len({Arguments({"a": value}) for value in (1, 1.0, True, "1", None, [1])}) == 6
    assert Arguments({"a": 1, "b": 2}) == Arguments({"b": 2, "a": 1})
    assert hash(Arguments({"a": 1, "b": 2})) == hash(Arguments({"b": 2, "a": 1}))
