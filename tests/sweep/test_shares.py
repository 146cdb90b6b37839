"""Where copies of one command begin."""

from __future__ import annotations

import pytest

from lenet_ablate.config.supervision import parse_supervision
from lenet_ablate.errors import ConfigError
from lenet_ablate.sweep.shares import in_turn, share_told


@pytest.mark.parametrize(
    ("environment", "share"),
    [
        ({}, None),
        ({"LENET_ABLATE_COPY": "2/8"}, "2/8"),
        ({"LENET_ABLATE_COPY": "8/8", "SLURM_ARRAY_TASK_ID": "1", "SLURM_ARRAY_TASK_COUNT": "4"}, "8/8"),
        ({"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "4"}, "3/4"),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "1"}, None),
        ({"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2"}, "1/2"),
        ({"SLURM_ARRAY_TASK_ID": "x", "SLURM_ARRAY_TASK_COUNT": "4"}, None),
    ],
)
def test_a_copy_knows_its_place(environment: dict[str, str], share: str | None) -> None:
    assert share_told(environment) == share


@pytest.mark.parametrize("told", ["3", "a/b", "1/0", "-1/4"])
def test_a_place_that_is_none_is_told(told: str) -> None:
    with pytest.raises(ConfigError, match="LENET_ABLATE_COPY"):
        share_told({"LENET_ABLATE_COPY": told})


@pytest.mark.parametrize(
    ("told", "problem"), [("5/2", "of 2 the last one is 1/2"), ("1/0", "like 0/4"), ("x", "like 0/4")]
)
def test_a_share_that_is_none_is_told_in_a_line(told: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as refused:
        parse_supervision({"share": told})
    assert str(refused.value).startswith(f"hydra.launcher.share={told}: ") and "\n" not in str(refused.value)
    assert parse_supervision({"share": "2/2"}).share == "2/2"  # as of schedulers that count from 1


@pytest.mark.parametrize("count", [1, 2, 3, 8, 20])
def test_copies_have_all_between_them_and_begin_apart(count: int) -> None:
    entries = [(number, number) for number in range(13)]
    orders = [in_turn(entries, f"{place}/{count}") for place in range(count)]
    assert all(sorted(order) == list(range(13)) for order in orders)
    firsts = [order[0] for order in orders[: len(entries)]]
    assert len(set(firsts)) >= min(count, len(entries)) - (count > len(entries))
    assert in_turn(entries, f"{count}/{count}") == orders[0]


def test_a_copy_without_a_place_begins_where_it_is_told() -> None:
    entries = [(number, str(number)) for number in range(4)]
    assert in_turn(entries, None) == ["0", "1", "2", "3"]
    assert in_turn(entries, None, start=6) == ["2", "3", "0", "1"]
    assert in_turn([], None, start=6) == []
