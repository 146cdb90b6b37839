from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from lenet_ablate.config.experiments import read_experiment
from lenet_ablate.config.grid_words import as_typed, to_hydra
from lenet_ablate.config.text_words import TEXT_KEYS, quote, quote_word, unquote_word

ODD = ["2024_01_05", "1e3", "0x10", "on", "true", "1_000", "007", "1.50", "nan", ".5", "~/x", "C:\\x\\", "a=b", "x#y"]
ODD += ["(x)", "it's", "é", "a b", "a:b", "-1", "a\\'b", "'", "2024-01-05", "3", "plain/path-1.0_x"]


def test_every_text_setting_is_known() -> None:
    assert {"study", "output_dir", "data_dir", "data.path"} <= TEXT_KEYS


@pytest.mark.parametrize("typed", [text for text in ODD if text[0] != "'"])
def test_what_was_typed_counts(typed: str) -> None:
    parser = OverridesParser.create()
    for key in TEXT_KEYS:
        word = quote_word(f"{key}={typed}")
        assert str(parser.parse_override(word).value()) == typed
        assert unquote_word(word) == f"{key}={typed}"
        assert quote_word(word) == word


def test_quotes_hold_every_text() -> None:
    parser = OverridesParser.create()
    for characters in itertools.product("a'\\\" ", repeat=4):
        text = "x" + "".join(characters)
        assert parser.parse_override(f"study={quote(text)}").value() == text


@pytest.mark.parametrize(
    "word",
    ["study=plain", "study=3", "lr=1_0", "data_dir=null", "study=${oc.env:X}", "data.path=[a]", "data.path=glob(*)"],
)
def test_what_is_read_as_meant_stays_as_it_is(word: str) -> None:
    assert quote_word(word) == word


def test_each_value_of_a_sweep_counts_as_typed() -> None:
    override = OverridesParser.create().parse_override(quote_word("data.path=1_0,b,~c"))
    assert [str(getattr(value, "text", value)) for value in override.sweep_iterator()] == ["1_0", "b", "~c"]
    assert quote_word("optimizer=sgd,2024_1") == "optimizer=sgd,'2024_1'"
    assert as_typed(to_hydra(["study=2024_1", "lr=0.1"])) == ["study=2024_1", "lr=0.1"]
    assert to_hydra(["experiment=2024_1,tiny"]) == ["++hydra.sweeper.words.experiment=['2024_1',tiny]"]


def test_an_experiments_text_counts_as_written(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    text = "settings: {study: 2024_01_05, data_dir: null, seed: 1_0}\nsweep: {data.path: [1_0, on, b.npz]}\n"
    (tmp_path / "experiment" / "mine.yaml").write_text(text)
    found = read_experiment("mine", [tmp_path])
    assert found.settings == {"study": "'2024_01_05'", "data_dir": "null", "seed": "10"}
    assert found.sweeps[0] == {"data.path": ("'1_0'", "on", "b.npz")}
