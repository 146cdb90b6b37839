from __future__ import annotations

import math
from pathlib import Path

import pytest

from lenet_ablate.config.choices import DataSet, Optimizer, Pool
from lenet_ablate.config.schedules import StepDecay
from lenet_ablate.config.settings import DataConfig, OptimizerConfig, RunConfig, default_optimizer
from lenet_ablate.records.read import RunRecord
from lenet_ablate.records.record import State
from lenet_ablate.report.analysis.analyse import analyse_comparison
from lenet_ablate.report.analysis.results import FactorAnalysis
from lenet_ablate.report.study.collect import make_study
from lenet_ablate.report.study.comparison import Comparison, compare
from lenet_ablate.report.study.factors import find_factors, fixed_settings
from lenet_ablate.report.study.study import Study, count_line
from lenet_ablate.report.tables.factor import factor_table
from lenet_ablate.report.tables.frames import variant_table
from lenet_ablate.report.tables.markdown import markdown_document, terminal_text
from lenet_ablate.report.tables.table import Table
from lenet_ablate.report.tables.variants import variants_table
from lenet_ablate.report.text.rounding import fixed_text, loss_text, percent_texts, plain_text
from support.report_runs import Figures, plan_of, rows_of

LRS, POOLS, SEEDS = (0.001, 0.01), (Pool.max, Pool.avg), (0, 1)
# Accuracies by lr, pool and seed, so that every mean can be worked out in the head.
ACCURACY = {
    (0.001, Pool.max, 0): 0.90,
    (0.001, Pool.avg, 0): 0.94,
    (0.001, Pool.max, 1): 0.92,
    (0.001, Pool.avg, 1): 0.96,
    (0.01, Pool.max, 0): 0.80,
    (0.01, Pool.avg, 0): 0.82,
    (0.01, Pool.max, 1): 0.84,
    (0.01, Pool.avg, 1): 0.86,
}


def figures(config: RunConfig, epoch: int) -> tuple[float, float]:
    assert isinstance(config.lr, float)
    accuracy = ACCURACY[config.lr, config.pool, config.seed]
    return 1 - accuracy, accuracy if epoch == config.epochs else 0.1


def config_of(lr: float, pool: Pool, seed: int) -> RunConfig:
    return RunConfig(lr=lr, pool=pool, seed=seed, epochs=2)


def grid() -> list[RunConfig]:
    return [config_of(*key) for key in ACCURACY]


def record_of(config: RunConfig, state: State = State.done, error: str = "", how: Figures = figures) -> RunRecord:
    plan = plan_of(config)
    rows = rows_of(config, how) if state.is_finished else ()
    return RunRecord(Path("outputs/study") / plan.name, state, plan.identity, config, tuple(rows), error=error)


def study_of(states: dict[tuple[float, Pool, int], State] | None = None) -> Study:
    """The 2 × 2 × 2 grid, all done but for the given runs."""
    states = states or {}
    runs = [
        record_of(config_of(*key), states.get(key, State.done), "it broke" if key in states else "") for key in ACCURACY
    ]
    return make_study(Path("outputs/study"), runs)


def comparison_of(study: Study, key: str) -> Comparison:
    factor = next(factor for factor in study.factors if factor.key == key)
    return compare(study.design, factor, study.factors)


def analysis_of(study: Study, key: str) -> FactorAnalysis:
    return analyse_comparison(comparison_of(study, key), study.criteria)


def table_of(study: Study, key: str) -> Table:
    return factor_table(study, analysis_of(study, key))


def test_levels_are_averaged_within_each_seed_first() -> None:
    table = analysis_of(study_of(), "lr").levels
    assert list(table["level"]) == ["0.001", "0.01"]
    assert list(table["n_used"]) == list(table["n_planned"]) == [4, 4]
    assert list(table["seeds"]) == [2, 2]
    # Seeds' means: 0.92 and 0.94; 0.81 and 0.85. Over all four runs the SD would be 0.026.
    assert list(table["mean"]) == pytest.approx([0.93, 0.83])
    assert list(table["sd"]) == pytest.approx([0.02 / math.sqrt(2), 0.04 / math.sqrt(2)])
    assert list(table["train_loss_running_mean"]) == pytest.approx([0.07, 0.17])
    assert list(table["train_loss_running_sd"]) == pytest.approx([0.02 / math.sqrt(2), 0.04 / math.sqrt(2)])


@pytest.mark.parametrize("state", [State.failed, State.diverged, State.running, State.interrupted, State.planned])
def test_a_missing_cell_costs_its_level_a_seed_and_its_pair_what_they_do_not_share(state: State) -> None:
    study = study_of({(0.01, Pool.avg, 1): state})
    found = analysis_of(study, "lr")
    table = found.levels
    assert list(table["n_used"]) == [4, 2] and list(table["seeds"]) == [2, 1]
    assert list(table["n_planned"]) == [4, 4]
    assert list(table["mean"]) == pytest.approx([0.93, 0.81])  # lr=0.01 on its seed 0
    # Only pool=max has both seeds at both: 0.90 and 0.92; 0.80 and 0.84.
    assert found.pairs["n_pairs"].item() == 2 and found.pairs["diff"].item() == pytest.approx(0.09)
    document = markdown_document(table_of(study, "lr"))
    assert ("2/4‡" in document) == (state in (State.failed, State.diverged)) and "2/4" in document
    assert "n = 1 to 2 seeds (0, 1)" in document and "Mean ± SD over each level’s own seeds" in document
    assert ("- Left out: avg_" in document) == (state in (State.failed, State.diverged))


def test_runs_left_out_are_named_with_their_reason() -> None:
    study = study_of({(0.01, Pool.avg, 1): State.failed})
    document = markdown_document(table_of(study, "lr"))
    name = plan_of(config_of(0.01, Pool.avg, 1)).name
    assert f"- Left out: {name} (pool=avg, lr=0.01, seed 1) failed: it broke\n" in document
    assert "7 of 8 runs finished (1 failed)." in document
    assert name not in terminal_text(table_of(study, "lr"))


def test_a_seed_that_one_level_lacks_stays_in_the_others_mean() -> None:
    missing = {(0.01, pool, 1): State.planned for pool in POOLS}
    study = study_of(missing)
    found = analysis_of(study, "lr")
    assert list(found.levels["seeds"]) == [2, 1]
    assert list(found.levels["mean"]) == pytest.approx([0.93, 0.81])
    assert list(found.levels["sd"].isna()) == [False, True]
    assert found.pairs["n_pairs"].item() == 1 and found.pairs["diff"].item() == pytest.approx(0.92 - 0.81)
    assert found.verdicts[0].sentence == "lr=0.001 and lr=0.01 share one seed only, too few to compare them."


def test_a_level_without_any_result_keeps_its_row_and_does_not_empty_the_others() -> None:
    study = study_of({(0.01, pool, seed): State.diverged for pool in POOLS for seed in SEEDS})
    table = analysis_of(study, "lr").levels
    assert list(table["n_used"]) == [4, 0]
    assert list(table["seeds"]) == [2, 0]
    assert table["mean"][0] == pytest.approx(0.93)
    assert table.loc[1, ["mean", "train_loss_running_mean"]].isna().all()
    document = markdown_document(table_of(study, "lr"))
    assert "lr=0.01 has no run with final figures; the other levels are compared without it." in document
    assert "0/4‡" in document


def test_levels_that_share_no_cell_are_not_compared() -> None:
    states = {(lr, pool, seed): State.planned for lr, seed in ((0.001, 1), (0.01, 0)) for pool in POOLS}
    study = study_of(states)
    found = analysis_of(study, "lr")
    assert list(found.levels["n_used"]) == [2, 2] and found.pairs["n_pairs"].item() == 0
    assert found.levels["mean"].notna().all() and found.pairs["diff"].isna().all()
    assert found.verdicts[0].sentence == "lr=0.001 and lr=0.01 share no seed, so that they cannot be compared."
    assert found.advice == ""
    assert list(variant_table(study.design, study.factors)["seeds"]) == [1, 1, 1, 1]


def test_designs_that_vary_one_setting_at_a_time_are_compared_where_they_cross() -> None:
    configs = [config_of(0.001, Pool.max, 0), config_of(0.01, Pool.max, 0), config_of(0.001, Pool.avg, 0)]
    study = make_study(Path("s"), [record_of(config) for config in configs])
    assert list(analysis_of(study, "lr").levels["mean"]) == pytest.approx([0.90, 0.80])
    assert list(analysis_of(study, "pool").levels["mean"]) == pytest.approx([0.90, 0.94])
    caption = table_of(study, "lr").caption
    assert "Held fixed: " in caption and "pool=max" in caption and "averaged" not in caption


def test_variants_have_a_row_each_over_their_own_seeds() -> None:
    study = study_of({(0.01, Pool.avg, 1): State.failed})
    table = variant_table(study.design, study.factors)
    assert list(table.columns[:6]) == ["pool", "lr", "variant_id", "runs_used", "runs_planned", "seeds"]
    assert list(zip(table["pool"], table["lr"], strict=True)) == [
        ("max", "0.001"),
        ("max", "0.01"),
        ("avg", "0.001"),
        ("avg", "0.01"),
    ]
    assert list(table["runs_used"]) == [2, 2, 2, 1]
    assert list(table["runs_planned"]) == [2, 2, 2, 2]
    assert list(table["test_accuracy_mean"]) == pytest.approx([0.91, 0.82, 0.95, 0.82])
    assert table["test_accuracy_sd"].isna().tolist() == [False, False, False, True]
    assert "n = 1 to 2 seeds" in variants_table(study, table).caption


def test_rendered_figures_keep_their_last_zeros() -> None:
    study = make_study(Path("s"), [record_of(config) for config in grid() if config.seed == 0])
    table = terminal_text(variants_table(study, variant_table(study.design, study.factors)))
    assert "0.100               90.00" in table


def test_the_caption_names_protocol_n_average_and_fixed_settings() -> None:
    study = study_of()
    caption = table_of(study, "lr").caption
    assert caption.startswith("Model lenet5, data mnist, 2 epochs, n = 2 seeds (0, 1). ")
    assert "Mean ± SD over seeds, each seed averaged over pool (max, avg). " in caption
    assert "Held fixed: activation=relu, optimizer=adam, batch_size=64. " in caption


def test_done_runs_without_finite_figures_never_enter_a_mean() -> None:
    records = [record_of(config) for config in grid()[:3]]
    records.append(record_of(grid()[3], how=lambda config, epoch: (math.inf, 0.5)))
    study = make_study(Path("s"), records)
    assert "done" in set(study.runs["status"])
    assert list(study.design["is_usable"]).count(False) == 1
    table = variants_table(study, variant_table(study.design, study.factors))
    assert "is done: has no finite final figures" in markdown_document(table)


def test_a_copied_folder_counts_once_and_the_finished_one_counts() -> None:
    run = record_of(grid()[0])
    copy = RunRecord(Path("s/a-copy"), State.failed, run.identity, run.config, error="older")
    study = make_study(Path("s"), [copy, run])
    assert study.copies == (("a-copy", run.folder.name),)
    assert list(study.runs["status"]) == ["done"]


def test_order_of_the_records_changes_nothing() -> None:
    forwards = [record_of(config) for config in grid()]
    one, other = make_study(Path("s"), forwards), make_study(Path("s"), forwards[::-1])
    assert one.design.equals(other.design)
    assert analysis_of(one, "lr").levels.equals(analysis_of(other, "lr").levels)


def test_unfinished_runs_are_counted() -> None:
    states = [State.running, State.failed, State.planned, State.diverged, State.interrupted]
    study = study_of(dict(zip(ACCURACY, states, strict=False)))
    assert count_line(study) == (
        "4 of 8 runs finished, 1 of them diverged (1 planned, 1 running, 1 failed, 1 interrupted)"
    )
    assert count_line(make_study(Path("s"), [record_of(grid()[0])])) == "1 of 1 run finished"


# --- factors -----------------------------------------------------------------------------------------------------


def sgd(momentum: float, weight_decay: float = 0.0) -> OptimizerConfig:
    return OptimizerConfig(Optimizer.sgd, momentum=momentum, weight_decay=weight_decay)


def labels_of(*configs: RunConfig) -> dict[str, list[str]]:
    return {factor.key: factor.labels for factor in find_factors(configs)}


def test_numbers_sort_by_size_and_schedules_follow() -> None:
    rates = (StepDecay("step"), 0.1, 0.0001, 0.01, 1.0)
    assert labels_of(*(RunConfig(lr=lr) for lr in rates)) == {"lr": ["0.0001", "0.01", "0.1", "1", "step"]}
    sizes = (128, 16, 64)
    assert labels_of(*(RunConfig(batch_size=size) for size in sizes)) == {"batch_size": ["16", "64", "128"]}


def test_words_have_the_order_of_their_enum() -> None:
    assert labels_of(RunConfig(pool=Pool.avg), RunConfig(pool=Pool.max)) == {"pool": ["max", "avg"]}


def test_a_group_is_one_factor_and_namesakes_say_what_differs() -> None:
    adam = RunConfig(optimizer=default_optimizer())
    assert labels_of(adam, RunConfig(optimizer=sgd(0.5, 0.1))) == {"optimizer": ["adam", "sgd"]}
    labels = labels_of(adam, RunConfig(optimizer=sgd(0.9)), RunConfig(optimizer=sgd(0.5)))
    assert labels == {"optimizer": ["adam", "sgd momentum=0.5", "sgd momentum=0.9"]}


def test_the_seed_is_no_factor_and_epochs_may_be_one() -> None:
    assert labels_of(RunConfig(seed=1), RunConfig(seed=2)) == {}
    assert labels_of(RunConfig(epochs=30), RunConfig(epochs=5, seed=1)) == {"epochs": ["5", "30"]}


def test_rates_that_print_alike_stay_apart() -> None:
    assert labels_of(RunConfig(lr=0.001), RunConfig(lr=0.0010000001)) == {"lr": ["0.001", "0.0010000001"]}


def test_a_schedule_is_its_values_and_the_table_explains_its_name() -> None:
    assert labels_of(RunConfig(lr=StepDecay("step")), RunConfig(lr=StepDecay("other"))) == {}
    namesakes = (StepDecay("step", initial=0.01), StepDecay("step", initial=0.1))
    assert labels_of(*(RunConfig(lr=lr) for lr in namesakes)) == {"lr": ["step initial=0.01", "step initial=0.1"]}
    configs = [RunConfig(epochs=2), RunConfig(epochs=2, lr=StepDecay("step"))]
    study = make_study(Path("s"), [record_of(config, how=lambda c, e: (0.5, 0.9)) for config in configs])
    notes = table_of(study, "lr").notes
    assert "step = 0.01, ×0.1 every 10 epochs." in notes


def test_fixed_settings_tell_what_is_not_default() -> None:
    config = RunConfig(optimizer=sgd(0.9), lr=StepDecay("step"), data=DataConfig(DataSet.mnist, val_size=0))
    fixed = fixed_settings(config, ())
    assert fixed["optimizer"] == "sgd (momentum=0.9)"
    assert fixed["lr"] == "step (0.01, ×0.1 every 10 epochs)"
    assert fixed["data"] == "mnist (val_size=0)"
    assert "seed" not in fixed


# --- rounding ----------------------------------------------------------------------------------------------------


def test_percentages_show_no_more_than_the_seeds_agree_on() -> None:
    assert percent_texts([0.9837], [math.nan]) == ["98.37"]
    assert percent_texts([0.95904, 0.98954], [0.0090, 0.00071]) == ["95.90 ± 0.90", "98.95 ± 0.07"]
    assert percent_texts([0.98954], [0.00042]) == ["98.954 ± 0.042"]
    assert percent_texts([0.98954], [0.000001]) == ["98.9540 ± 0.0001"]
    assert percent_texts([math.nan, 0.5], [math.nan, 0.0]) == ["–", "50.00 ± 0.00"]
    assert percent_texts([0.5], [0.2]) == ["50.00 ± 20.00"]


def test_losses_have_three_digits() -> None:
    assert loss_text(0.117377, math.nan) == "0.117"
    assert loss_text(0.013271, 0.00041) == "0.0133 ± 0.0004"
    assert loss_text(0.0999999, math.nan) == "0.100"
    assert loss_text(2.30259, 0.0) == "2.30 ± 0.00"
    assert loss_text(2.30259, 0.0031) == "2.303 ± 0.003"
    assert loss_text(0.0133, 0.0000012) == "0.0133 ± <0.0001"
    assert [plain_text(value) for value in (51_678.3, 0.00421, 0.00001, 12.3456, 0.0)] == [
        "51,678", "0.004210", "<0.0001", "12.35", "0.000"
    ]  # fmt: skip
    assert [fixed_text(value, 3) for value in (-0.0001, -0.25, 0.5)] == ["0.000", "−0.250", "0.500"]
    assert loss_text(0.00001234, 0.0000012) == "1.23e-05 ± 1.2e-06"
    assert loss_text(1234.5, 1.0) == "1234 ± 1"
    assert loss_text(math.nan, math.nan) == "–"
