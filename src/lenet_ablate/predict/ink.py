"""What is ink and what is paper: dark on light or light on dark, under uneven light, or nothing written at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lenet_ablate.predict.pictures import WORK_SIDE, Grey, Picture

RING = 0.04  # of the side: the border, where there is hardly ever ink
RING_WEIGHT = 2.0
MIN_CONTRAST = 10.0  # grey levels of 255
UNEVEN_SPREAD, NOISY_SPREAD = 0.14, 0.25  # the paper's standard deviation over the contrast; noise alone has 0.3 to 0.4
FILLED, FILLED_SPREAD = 0.5, 0.31  # a 1 that is closely cut out fills its picture, and all paper is edges of ink
BACKGROUND_FIELD, BACKGROUND_STEP = 0.3, 8
DARKEST = 12.0  # added to grey levels before the logarithm, so that the noise of dark pixels does not count
AT_BORDER = 0.05  # share of the border from which ink is suspected to be a shadow
THICK = 0.45  # from which ink at the border is a shadow
LINE_LENGTH, LINE_BREADTH = 0.5, 0.025  # of the picture's shorter side: ruled lines, as broad as they are at the border
EIGHT = np.ones((3, 3), np.int8)
_BINS = 256

Mask = npt.NDArray[np.bool_]
Light = npt.NDArray[np.float64]


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
    paper varies, or the ink reaches the picture's border as shadows do, the paper's local brightness (a median over
    a large field) is divided out first. Very small pictures are spared that: all their pixels are near some ink.
    """
    even, spread = _from_even(picture.grey)
    if even is None:
        return None
    if picture.longer_side > WORK_SIDE and (spread > UNEVEN_SPREAD or _is_shadowed(even.mask)):
        uneven = _from_uneven(picture.grey)
        if spread > UNEVEN_SPREAD or (uneven and 2 * _border_share(uneven.mask) < _border_share(even.mask)):
            return uneven
        if _thickness(even.mask) > THICK:
            return None
    return even if spread <= (FILLED_SPREAD if even.mask.mean() > FILLED else NOISY_SPREAD) else None


def _from_even(grey: Grey) -> tuple[Ink | None, float]:
    """The ink on evenly lit paper, and the paper's standard deviation over the contrast."""
    is_light = grey > otsu(grey)
    if is_light.all() or not is_light.any():
        return None, 0.0
    paper = is_light if _is_paper(is_light) else ~is_light
    difference = float(grey[~paper].mean() - grey[paper].mean())
    if abs(difference) < MIN_CONTRAST:
        return None, 0.0
    signal = (grey - np.median(grey[paper])) * np.float32(np.sign(difference))
    return _scaled(signal, ~paper), float(grey[paper].std()) / abs(difference)


def _from_uneven(grey: Grey) -> Ink | None:
    light = np.log(grey.astype(np.float64) + DARKEST)
    signal = light - _background(light, None)
    sign = np.sign((signal**3).sum())  # the few pixels far from the paper are ink
    mask = _dense(sign * signal)
    if not mask.any():
        return None
    signal = sign * (light - _background(light, ndimage.binary_dilation(mask, EIGHT, iterations=2)))
    mask = _without_border(_dense(signal))
    if not mask.any():
        return None
    contrast = float(signal[mask].mean() - signal[~mask].mean())
    if contrast < MIN_CONTRAST / 255 or float(signal[~mask].std()) / contrast > NOISY_SPREAD:
        return None
    return _scaled(signal, mask)


def _dense(signal: Light) -> Mask:
    dense: Mask = signal > (otsu(signal[signal > 0]) if (signal > 0).any() else 0)
    return dense


def _is_shadowed(mask: Mask) -> bool:
    """Whether more ink lies at the picture's border than is written there, ruled lines apart."""
    return _border_share(mask) > AT_BORDER and _border_share(mask & ~_without_border(mask)) > AT_BORDER


def _without_border(mask: Mask) -> Mask:
    """The ink without what light and shadow leave at the picture's border; ruled lines end there too."""
    labels, _ = ndimage.label(mask, EIGHT)
    touching = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    boxes = ndimage.find_objects(labels)
    gone = [n for n in touching[touching > 0].tolist() if not _is_ruled(labels[boxes[n - 1]] == n, boxes[n - 1], mask)]
    inner: Mask = mask & ~np.isin(labels, gone)
    return inner


def _is_ruled(piece: Mask, place: tuple[slice, slice], mask: Mask) -> bool:
    """Whether a piece at the border is long, thin there and leads away from it, with whatever is written across it."""
    shorter = min(mask.shape)
    border = max(1, round(RING * shorter))
    sides = zip(place, mask.shape, strict=True)
    is_away = all(part.stop > border and part.start < side - border for part, side in sides)
    if not is_away or max(piece.shape) < LINE_LENGTH * shorter:
        return False
    whole = np.zeros(mask.shape, bool)
    whole[place] = piece
    whole[2 * border : -2 * border, 2 * border : -2 * border] = False
    return bool(_broadest(whole) <= LINE_BREADTH * shorter)


def _scaled(signal: Grey | Light, mask: Mask) -> Ink:
    return Ink((signal / np.median(signal[mask])).astype(np.float32), mask)


def _background(light: Light, ink: Mask | None) -> Light:
    """The paper's local brightness: a median over a field that no stroke fills, at a fraction of the size.

    Args:
        light: (H, W) logarithm of the grey levels.
        ink: Pixels to be left out: the nearest paper stands in for them.
    """
    small = _blocks(light)
    if ink is not None:
        hidden = _blocks(ink.astype(np.float64)) > 0.25
        if not hidden.all():
            rows, columns = ndimage.distance_transform_edt(hidden, return_distances=False, return_indices=True)
            small = small[rows, columns]
    field = round(BACKGROUND_FIELD * max(small.shape)) | 1
    smooth = ndimage.median_filter(small, size=field, mode="nearest")
    scale = light.shape[0] / smooth.shape[0], light.shape[1] / smooth.shape[1]
    zoomed: Light = ndimage.zoom(smooth, scale, order=1, mode="nearest", grid_mode=True)
    return zoomed


def _blocks(values: Light) -> Light:
    """Means over blocks of `BACKGROUND_STEP` pixels; the last rows and columns may be left out."""
    step = min(BACKGROUND_STEP, *values.shape)
    height, width = (side // step for side in values.shape)
    means: Light = values[: height * step, : width * step].reshape(height, step, width, step).mean(axis=(1, 3))
    return means


def _is_paper(region: Mask) -> bool:
    """Whether a region, rather than the rest, is the paper: it has most of the border and of the area."""
    return RING_WEIGHT * _border_share(region) + float(region.mean()) > (RING_WEIGHT + 1) / 2


def _thickness(mask: Mask) -> float:
    """Diameter of the largest disc in the ink over the longer side of the ink's box; MNIST's digits have 0.1 to 0.4."""
    sides = [np.ptp(np.flatnonzero(mask.any(axis=axis))) + 1 for axis in (0, 1)]
    return _broadest(mask) / float(max(sides))


def _broadest(mask: Mask) -> float:
    """Diameter in pixels of the largest disc in a mask."""
    return float(2 * ndimage.distance_transform_edt(np.pad(mask, 1)).max())


def _border_share(region: Mask) -> float:
    """Fraction of the picture's border that belongs to a region."""
    border = max(1, round(RING * min(region.shape)))
    ring = np.ones(region.shape, bool)
    ring[border:-border, border:-border] = False
    return float(region[ring].mean())


def otsu(values: Grey | Light) -> float:
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
