"""What is ink and what is paper: dark on light or light on dark, under uneven light, or nothing written at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lenet_ablate.predict.load import WORK_SIDE, Grey, Picture

RING = 0.04  # of the side: the border, where there is hardly ever ink
RING_WEIGHT = 2.0
MIN_CONTRAST = 10.0  # grey levels of 255
UNEVEN_SPREAD, NOISY_SPREAD = 0.14, 0.35  # the paper's standard deviation over the contrast
BACKGROUND_FIELD, BACKGROUND_STEP = 0.3, 8
DARKEST = 12.0  # added to grey levels before the logarithm, so that the noise of dark pixels does not count
_BINS = 256

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Ink:
    """How much ink there is at each pixel.

    Attributes:
        strength: (H, W) float32, 0 = paper, 1 = the ink's usual density; noise may be below 0, dense ink above 1.
        mask: (H, W) bool, where there is more ink than paper.
    """

    strength: Grey
    mask: Mask


def find_ink(picture: Picture) -> Ink | None:
    """The ink of a picture, or None where nothing stands out from the paper.

    Ink and paper are told apart by Otsu's threshold; paper is what fills the border and most of the area. Where the
    paper is unevenly lit, its local brightness (a median over a large field) is divided out first.
    """
    grey = picture.grey
    threshold = otsu(grey)
    is_light = grey > threshold
    paper = is_light if _is_paper(is_light) else ~is_light
    level = np.median(grey[paper])
    contrast = abs(float(grey[paper].mean() - grey[~paper].mean())) if 0 < paper.sum() < paper.size else 0.0
    if contrast < MIN_CONTRAST:
        return None
    spread = float(grey[paper].std()) / contrast
    if spread > UNEVEN_SPREAD and picture.longer_side > WORK_SIDE:
        return _from_uneven(grey)
    if spread > NOISY_SPREAD:
        return None
    signal = level - grey if grey[~paper].mean() < level else grey - level
    return _scaled(signal, ~paper)


def _from_uneven(grey: Grey) -> Ink | None:
    signal = np.log(grey + DARKEST) - np.log(_background(grey) + DARKEST)
    if float((signal.astype(np.float64) ** 3).sum()) < 0:  # the few pixels far from the paper are ink
        signal = -signal
    threshold = otsu(signal[signal > 0]) if (signal > 0).any() else 0.0
    mask = signal > threshold
    if not mask.any() or mask.all():
        return None
    contrast = float(signal[mask].mean() - signal[~mask].mean())
    if contrast < MIN_CONTRAST / 255 or float(signal[~mask].std()) / contrast > NOISY_SPREAD:
        return None
    return _scaled(signal, mask)


def _scaled(signal: Grey, mask: Mask) -> Ink:
    return Ink((signal / np.median(signal[mask])).astype(np.float32), mask)


def _background(grey: Grey) -> Grey:
    """The paper's local brightness: a median over a field that no stroke fills, at a fraction of the size."""
    height, width = grey.shape
    small = grey[: height // BACKGROUND_STEP * BACKGROUND_STEP, : width // BACKGROUND_STEP * BACKGROUND_STEP]
    small = small.reshape(height // BACKGROUND_STEP, BACKGROUND_STEP, -1, BACKGROUND_STEP).mean(axis=(1, 3))
    field = round(BACKGROUND_FIELD * max(small.shape)) | 1
    smooth = ndimage.median_filter(small, size=field, mode="nearest")
    zoomed: Grey = ndimage.zoom(smooth, (height / smooth.shape[0], width / smooth.shape[1]), order=1, mode="nearest")
    return zoomed


def _is_paper(region: Mask) -> bool:
    """Whether a region, rather than the rest, is the paper: it has most of the border and of the area."""
    border = max(1, round(RING * min(region.shape)))
    ring = np.ones(region.shape, bool)
    ring[border:-border, border:-border] = False
    return bool(RING_WEIGHT * region[ring].mean() + region.mean() > (RING_WEIGHT + 1) / 2)


def otsu(values: npt.NDArray[np.float32]) -> float:
    """The threshold that parts values into two classes with the largest variance between them.

    N. Otsu, "A threshold selection method from gray-level histograms", IEEE Trans. SMC 9 (1979) 62-66, eq. 18.

    Args:
        values: Any shape, at least one; all equal gives that value.
    """
    counts, edges = np.histogram(values, bins=_BINS)
    centres = (edges[:-1] + edges[1:]) / 2
    below, sums = np.cumsum(counts), np.cumsum(counts * centres)
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return float(edges[1:][np.nanargmax(between[:-1])]) if np.ptp(values) else float(np.ravel(values)[0])
