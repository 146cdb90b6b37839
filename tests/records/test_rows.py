"""Runs as rows and frames: one type a column, so that a sweep sorts, filters and plots without a cast."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from lenet_ablate.config.plan import run_name
from lenet_ablate.config.schedules import StepDecay
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.errors import ConfigError
from lenet_ablate.records.frames import read_epochs, read_runs
from lenet_ablate.records.glance import iter_glances
from lenet_ablate.records.notes import NO_NOTES, NOTES, Notes, parse_tag, read_notes, with_tags, write_notes
from lenet_ablate.records.read import RunRecord, iter_records, read_run
from lenet_ablate.records.record import State
from lenet_ablate.records.rows import run_row
from support.report_runs import rows_of, write_run, write_study, write_sweep

STEP = StepDecay("step", 0.01, 0.1, 10)


def figures(config: RunConfig, epoch: int) -> tuple[float, float]:
    return 0.5 / epoch, 0.9 + config.seed / 1000


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = tmp_path / "outputs" / "ablation"
    configs = [RunConfig(lr=lr, seed=seed, epochs=2) for lr in (0.1, 0.01, 1e-05, STEP) for seed in (0, 1)]
    write_study(folder, configs, figures)
    return folder


def test_learning_rates_are_numbers_beside_their_labels(study: Path) -> None:
    runs = read_runs(study.parent)
    assert runs["lr"].dtype == float
    assert set(runs[runs.lr < 0.05]["lr_label"]) == {"0.01", "1e-05"}
    ordered = runs.sort_values("lr")["lr_label"].tolist()
    assert ordered == ["1e-05"] * 2 + ["0.01"] * 2 + ["0.1"] * 2 + ["step"] * 2
    assert runs.groupby("lr_label").size().to_dict() == {"0.1": 2, "0.01": 2, "1e-05": 2, "step": 2}
    runs.plot.scatter("lr", "test_accuracy")


def test_labels_tell_every_rate_from_every_other() -> None:
    close = [RunConfig(lr=lr) for lr in (0.0012345678, 0.0012345679)]
    labels = {run_row(RunRecord(Path("s/r"), State.planned, config=config))["lr_label"] for config in close}
    assert len(labels) == 2


def test_every_row_has_the_same_columns_but_those_of_schedules(study: Path) -> None:
    write_run(study, RunConfig(lr=0.3, seed=9), rows_of(RunConfig(), figures, 0), State.failed, "it broke")
    (study / "broken").mkdir()
    (study / "broken/status.json").write_text("{")
    columns = [[name for name in run_row(record) if not name.startswith("lr.")] for record in iter_records(study)]
    assert len(columns) == 10 and len(set(map(tuple, columns))) == 1


def test_a_glance_shows_the_rows_that_reading_shows(study: Path) -> None:
    write_run(study, RunConfig(lr=0.2), rows_of(RunConfig(), figures, 2), State.failed, "it broke")
    write_run(study, RunConfig(lr=0.3), rows_of(RunConfig(), figures, 1), State.interrupted)
    write_run(study, RunConfig(lr=0.4, epochs=3), rows_of(RunConfig(), figures, 3), State.diverged)
    write_sweep(study, [RunConfig(lr=0.5)])
    (study / "broken").mkdir()
    (study / "broken/status.json").write_text("{")
    write_notes(study / run_name(RunConfig(lr=0.2)), Notes("too large", ("bad",)))
    read, glanced = (pd.DataFrame(map(run_row, found(study))) for found in (iter_records, iter_glances))
    figures_too = ["train_loss_running", "val_loss", "val_accuracy", "test_loss", "test_accuracy", "epochs_done"]
    pd.testing.assert_frame_equal(read.drop(columns=figures_too), glanced.drop(columns=figures_too))
    assert read["status"].value_counts().to_dict() == glanced["status"].value_counts().to_dict()
    unfinished = read["status"].isin(["failed", "interrupted", "planned", "unreadable"])
    pd.testing.assert_frame_equal(read[unfinished], glanced[unfinished])


def test_a_glance_compares_settings_with_their_digest_though_they_mean_the_same(study: Path) -> None:
    folder = next(path for path in sorted(study.iterdir()) if path.is_dir())
    with (folder / "config.yaml").open("a") as file:
        file.write("# the same settings\n")
    (record,) = [record for record in iter_glances(study) if record.folder == folder]
    assert record.error == "config.yaml is damaged: it differs from the SHA-256 in status.json"
    assert record.error == read_run(folder).error


@pytest.mark.parametrize("name", ["config.yaml", "result.json", "model.safetensors", "status.json"])
def test_a_glance_sees_damage_in_what_it_shows_and_what_is_gone(study: Path, name: str) -> None:
    folder = next(path for path in sorted(study.iterdir()) if path.is_dir())
    if name == "model.safetensors":
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(
            (folder / name).read_bytes().replace(b"lr: 0", b"lr: 9").replace(b"61706", b"61707")
        )
        if name == "status.json":
            (folder / name).write_text("[]")
    (record,) = [record for record in iter_glances(study) if record.folder == folder]
    assert record.state is State.unreadable
    assert name in record.error


def test_notes_read_back_and_change_no_identity(study: Path) -> None:
    folder = next(path for path in sorted(study.iterdir()) if path.is_dir())
    before = read_run(folder)
    write_notes(folder, Notes("réussi “so”", ("paper", "a")))
    after = read_run(folder)
    assert after.notes == Notes("réussi “so”", ("a", "paper"))
    assert (after.identity, after.state, after.rows) == (before.identity, before.state, before.rows)
    row = read_runs(study.parent).set_index("run").loc[folder.name]
    assert (row["note"], row["tags"]) == ("réussi “so”", "a paper")
    write_notes(folder, NO_NOTES)
    assert not (folder / NOTES).exists()
    assert len(read_epochs(study.parent))


@pytest.mark.parametrize(
    "content", ["[]", '{"format": 1, "tags": ["a b"]}', '{"format": 2}', "{", '{"format":1,"note":5}']
)
def test_notes_that_are_none_cost_the_notes_alone(study: Path, content: str) -> None:
    folder = next(path for path in sorted(study.iterdir()) if path.is_dir())
    (folder / NOTES).write_text(content)
    assert read_notes(folder).problem
    assert read_run(folder).state is State.done


def test_tags_are_words_and_not_too_many() -> None:
    assert with_tags(Notes(tags=("b",)), ["a", "b"]).tags == ("a", "b")
    assert with_tags(Notes(tags=("a", "b")), ["b"], removed=True).tags == ("a",)
    for text in ("", "a b", "-x", "a" * 65, "é"):
        with pytest.raises(ConfigError):
            parse_tag(text)
    with pytest.raises(ConfigError, match="at most 50"):
        with_tags(NO_NOTES, [f"t{i}" for i in range(51)])
