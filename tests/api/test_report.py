"""`lenet_ablate.report`: the report as an object."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import lenet_ablate
from lenet_ablate.config.choices import Pool
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.errors import ConfigError, LenetAblateError
from lenet_ablate.report.figures.image import Image
from support.report_runs import write_study


def figures(config: RunConfig, epoch: int) -> tuple[float, float]:
    return 0.5 / epoch, 0.9 + config.seed / 1000 + (config.pool is Pool.avg) / 100


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def draw(name: str, *_: object) -> Image:
        return Image(name, "title", "alt", "caption", {"svg": b"<svg/>"}, (1, 1), ("svg",))

    monkeypatch.setattr("lenet_ablate.report.figures.drawing.draw_image", draw)
    monkeypatch.setattr("lenet_ablate.report.figures.processes.MAX_HELPERS", 0)
    configs = [RunConfig(pool=pool, seed=seed, epochs=2) for pool in Pool for seed in (0, 1, 2)]
    write_study(tmp_path / "outputs/first", configs, figures)
    return tmp_path / "outputs"


def test_it_says_shows_and_knows_its_paths(outputs: Path) -> None:
    found = lenet_ablate.report(outputs)
    assert found.page.is_file() and found.page in found.files
    assert any(sentence.startswith("pool: ") and "avg" in sentence for sentence in found.verdicts)
    assert {"pool", "variants"} <= set(found.tables)
    assert list(found.tables["pool"]["level"]) == ["max", "avg"]
    shown = found._repr_html_()
    assert shown.count("<img") == len(found.figures) > 0 and "<table" in shown and "<script" not in shown
    assert str(found.page) in repr(found)
    again = lenet_ablate.report(outputs)
    assert again.built.unchanged == {"first"} and again._repr_html_() == shown and again.files == found.files


def test_options_are_those_of_the_command(outputs: Path, tmp_path: Path) -> None:
    write_study(outputs / "other", [RunConfig(epochs=2)], figures)
    found = lenet_ablate.report(
        outputs, study="first", where={"pool": ["max", "avg"], "seed": (0, 1)}, margin=0.5, out=tmp_path / "out"
    )
    assert found.folder == tmp_path / "out" and set(found.tables["pool"]["n_used"]) == {2}
    assert set(lenet_ablate.report(outputs).tables) >= {"first/pool", "first/variants", "other/variants"}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"margin": -1}, "--margin"),
        ({"colour": "red"}, "unrecognized arguments: --colour=red; see lenet-report --help"),
        ({"where": "pol=max"}, "did you mean pool?"),
        ({"study": "frist"}, "did you mean first?"),
        ({"factor": "lr"}, "the factors are pool"),
    ],
)
def test_the_words_of_an_error_are_the_commands(outputs: Path, options: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)):
        lenet_ablate.report(outputs, **options)  # type: ignore[arg-type]


def test_nothing_to_report_yet(tmp_path: Path) -> None:
    with pytest.raises(LenetAblateError, match="there is no such folder"):
        lenet_ablate.report(tmp_path / "outputs")
