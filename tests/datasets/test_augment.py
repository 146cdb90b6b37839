from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.ndimage import affine_transform

from lenet_ablate.config.choices import Augment, Engine
from lenet_ablate.config.plan import identity
from lenet_ablate.config.settings import AugmentConfig, Options, RunConfig
from lenet_ablate.datasets.augment import draw_transforms
from lenet_ablate.datasets.splits import split
from lenet_ablate.engines.base import Batches, Learner
from lenet_ablate.engines.select import make_engines
from lenet_ablate.records.record import METRICS, MODEL, State
from lenet_ablate.training import loop
from support.tiny import NUM_IMAGES, NUM_VAL, stop_after, tiny_dataset, tiny_plan, train_tiny, without_seconds

AFFINE = AugmentConfig(Augment.affine, shift=2.0, degrees=10.0, scale=0.1, shear=10.0)
ENGINES = (Engine.torch, Engine.compiled)
Rows = npt.NDArray[np.float32]


def learner_of(engine: Engine, **changes: Any) -> Learner:
    plan = tiny_plan(batch_size=20, lr=0.001, **changes)
    made = make_engines(Options(engine=engine), [plan.config.model.name])[plan.config.model.name]
    return made.learner(plan, tiny_dataset(), *split(NUM_IMAGES, NUM_VAL, 0))


def batches(transforms: Rows | None, steps: int = 5) -> Batches:
    order = split(NUM_IMAGES, NUM_VAL, 0)[0][: 20 * steps]
    return Batches(order, np.full(steps, 1e-3), transforms)


def identity_rows(count: int) -> Rows:
    return np.tile(np.array([1, 0, 0, 0, 1, 0], np.float32), (count, 1))


def sampled_by_scipy(image: npt.NDArray[np.uint8], row: Rows) -> npt.NDArray[np.float64]:
    """The same with rows and columns counted from the corner."""
    a, b, t, c, d, u = map(float, row)
    matrix, centre = np.array([[d, c], [b, a]]), np.full(2, (len(image) - 1) / 2)
    offset = centre + np.array([u, t]) - matrix @ centre
    result: npt.NDArray[np.float64] = affine_transform(
        image.astype(np.float64), matrix, offset, order=1, mode="grid-constant", cval=0.0
    )
    return result


def test_without_augmentation_nothing_is_drawn() -> None:
    assert draw_transforms(AugmentConfig(), 10, 0, 0) is None
    assert identity(RunConfig(augment=AugmentConfig())) == identity(RunConfig())
    assert identity(RunConfig(augment=AFFINE)) != identity(RunConfig())


def test_draws_depend_on_seed_and_epoch_and_keep_their_bounds() -> None:
    rows = draw_transforms(AFFINE, 4000, 1, 2)
    assert rows is not None and rows.dtype == np.float32
    np.testing.assert_array_equal(rows, draw_transforms(AFFINE, 4000, 1, 2))
    for other in ((2, 2), (1, 3)):
        assert not np.array_equal(rows, draw_transforms(AFFINE, 4000, *other))
    determinant = rows[:, 0] * rows[:, 4] - rows[:, 1] * rows[:, 3]
    assert 1.9 < np.abs(rows[:, [2, 5]]).max() <= 2.0
    assert 1 / 1.1**2 - 1e-5 <= determinant.min() < 0.85
    assert 1.2 < determinant.max() <= 1 / 0.9**2 + 1e-5
    angles = np.rad2deg(np.arctan2(rows[:, 3], rows[:, 0]))
    assert 9.9 < np.abs(angles).max() <= 10.0001


def test_kinds_vary_what_they_are_called_after() -> None:
    shift = draw_transforms(AugmentConfig(Augment.shift, shift=2.0), 50, 0, 0)
    rotate = draw_transforms(AugmentConfig(Augment.rotate, degrees=30.0), 50, 0, 0)
    flip = draw_transforms(AugmentConfig(Augment.flip, flip=0.5), 1000, 0, 0)
    assert shift is not None and rotate is not None and flip is not None
    np.testing.assert_array_equal(shift[:, [0, 1, 3, 4]], identity_rows(50)[:, [0, 1, 3, 4]])
    matrices = rotate[:, [0, 1, 3, 4]].reshape(-1, 2, 2)
    np.testing.assert_allclose(matrices @ matrices.transpose(0, 2, 1), np.tile(np.eye(2), (50, 1, 1)), atol=1e-6)
    assert not rotate[:, [2, 5]].any()
    assert 0.45 < (flip[:, 0] == -1).mean() < 0.55
    assert (flip[:, 4] == 1).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_the_identity_changes_nothing(engine: Engine) -> None:
    plain = learner_of(engine).train(batches(None))
    varied = learner_of(engine).train(batches(identity_rows(100)))
    np.testing.assert_allclose(varied, plain, rtol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("config", [AFFINE, AugmentConfig(Augment.flip, flip=0.5)], ids=["affine", "flip"])
def test_images_are_sampled_as_scipy_does(engine: Engine, config: AugmentConfig) -> None:
    rows, data = draw_transforms(config, 20, 0, 0), tiny_dataset()
    assert rows is not None
    order = split(NUM_IMAGES, NUM_VAL, 0)[0][:20]
    images = data.train_images.astype(np.float64)
    for place, row in zip(order, rows, strict=True):
        images[place] = sampled_by_scipy(data.train_images[place], row)
    # Sampled beforehand and rounded, the losses are almost the same.
    rounded = dataclasses.replace(data, train_images=np.rint(images).astype(np.uint8))
    plan = tiny_plan(batch_size=20)
    made = make_engines(Options(engine=engine), [plan.config.model.name])[plan.config.model.name]
    beforehand = made.learner(plan, rounded, *split(NUM_IMAGES, NUM_VAL, 0)).train(batches(None, 1))
    plain = learner_of(engine).train(batches(None, 1))
    varied = learner_of(engine).train(batches(rows, 1))
    assert abs(varied[0] - beforehand[0]) < 1e-4 < abs(varied[0] - plain[0])


def test_engines_agree_step_by_step() -> None:
    rows = draw_transforms(AFFINE, 100, 0, 0)
    one, other = (learner_of(engine) for engine in ENGINES)
    np.testing.assert_allclose(one.train(batches(rows)), other.train(batches(rows)), rtol=2e-5)
    for name, array in one.weights().items():
        assert np.linalg.norm(array - other.weights()[name]) < 2e-5 * np.linalg.norm(array), name


@pytest.mark.parametrize("engine", ENGINES)
def test_an_augmented_run_goes_on_bit_for_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine) -> None:
    plan = tiny_plan(augment=AFFINE)
    made = make_engines(Options(engine=engine), [plan.config.model.name])[plan.config.model.name]
    train_tiny(tmp_path / "whole", plan, engine=made)
    monkeypatch.setattr(loop, "SLICE_SECONDS", 0.0)
    while train_tiny(tmp_path / "pieces", plan, stop_after(5), made) is State.interrupted:
        pass
    assert (tmp_path / "whole" / MODEL).read_bytes() == (tmp_path / "pieces" / MODEL).read_bytes()
    assert without_seconds(tmp_path / "whole" / METRICS) == without_seconds(tmp_path / "pieces" / METRICS)
    train_tiny(tmp_path / "plain", tiny_plan(), engine=made)
    assert (tmp_path / "whole" / MODEL).read_bytes() != (tmp_path / "plain" / MODEL).read_bytes()
