from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from lenet_ablate.datasets import fit as fit_module
from lenet_ablate.datasets.fit import bilinear_weights, fit


def random_images(*shape: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def test_mnist_gets_two_pixels_of_background_on_each_side() -> None:
    images = random_images(3, 28, 28)
    fitted = fit(images, 32)
    assert fitted.dtype == np.uint8
    assert np.array_equal(fitted[:, 2:30, 2:30], images)
    assert fitted.sum(dtype=int) == images.sum(dtype=int)


@pytest.mark.parametrize(("height", "width"), [(28, 30), (32, 28), (31, 29), (20, 32)])
def test_border_is_even_to_within_one_pixel(height: int, width: int) -> None:
    images = np.full((2, height, width), 9, np.uint8)
    fitted = fit(images, 32)
    assert fitted.sum(dtype=int) == images.sum(dtype=int)
    for axis in (1, 2):
        inked = np.flatnonzero(fitted.any(axis=(0, 3 - axis)))
        assert (31 - inked[-1]) - inked[0] in (0, 1)


def test_images_of_the_right_size_are_not_copied() -> None:
    images = random_images(3, 32, 32)
    assert np.shares_memory(fit(images, 32), images)


def test_result_is_contiguous_where_the_input_is_not() -> None:
    images = np.asfortranarray(random_images(3, 32, 32))
    fitted = fit(images, 32)
    assert fitted.flags.c_contiguous
    assert np.array_equal(fitted, images)


@pytest.mark.parametrize(("side", "size"), [(8, 32), (7, 32), (20, 32), (27, 32), (33, 32), (64, 32), (100, 32)])
def test_resize_agrees_with_pytorch(side: int, size: int) -> None:
    import torch

    images = random_images(20, side, side)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(images[:, None]).double(),
        (size, size),
        mode="bilinear",
        align_corners=False,
        antialias=side > size,
    )
    # Weights are rounded to 2^-16, which moves a pixel by less than 255 * 2^-16 * (taps on both axes).
    assert np.abs(fit(images, size) - expected[:, 0].numpy()).max() < 0.5 + 0.06


def test_enlarging_8_to_32_is_exact() -> None:
    import torch

    images = random_images(50, 8, 8)
    exact = torch.nn.functional.interpolate(torch.from_numpy(images[:, None]).double(), scale_factor=4, mode="bilinear")
    assert np.array_equal(fit(images, 32), np.rint(exact[:, 0].numpy()))


@pytest.mark.parametrize(("side", "size"), [(8, 32), (27, 32), (50, 32), (1, 32), (300, 20)])
def test_weights_are_a_partition_in_exact_steps(side: int, size: int) -> None:
    weights = bilinear_weights(side, size)
    assert weights.shape == (size, side)
    assert weights.min() >= 0
    assert np.array_equal(weights.sum(axis=1), np.ones(size))
    assert np.array_equal(weights * 2**16, np.rint(weights * 2**16))


def test_bytes_do_not_depend_on_the_order_of_summation() -> None:
    images = random_images(30, 27, 27)
    whole = np.rint(bilinear_weights(27, 32) * 2**16).astype(np.int64)
    exact = np.einsum("ij,njk,lk->nil", whole, images.astype(np.int64), whole)
    assert np.array_equal(fit(images, 32), np.rint(exact / 2**32))


def test_shorter_side_is_padded_before_resizing() -> None:
    images = random_images(4, 10, 20)
    square = np.pad(images, ((0, 0), (5, 5), (0, 0)))
    assert np.array_equal(fit(images, 32), fit(square, 32))


def test_chunks_join_seamlessly(monkeypatch: pytest.MonkeyPatch) -> None:
    images = random_images(10, 20, 20)
    whole = fit(images, 32)
    monkeypatch.setattr(fit_module, "_CHUNK_PIXELS", 3 * 20 * 20)
    assert np.array_equal(fit(images, 32), whole)


def test_fractions_are_rounded_once_at_the_end() -> None:
    half = np.full((1, 8, 8), 7.4)
    assert (fit(half, 32) == 7).all()
    assert (fit(half, 8) == 7).all()
    steps = np.tile(np.array([0.4, 0.8] * 4), (1, 8, 1))
    assert set(np.unique(fit(steps, 32))) == {0, 1}
