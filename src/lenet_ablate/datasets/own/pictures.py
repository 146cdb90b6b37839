"""Pictures of any usual format as grey images, decoded within limits."""

from __future__ import annotations

import io
import math
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lenet_ablate.config.choices import Color, Resize
from lenet_ablate.datasets.arrays import MAX_PIXELS, MAX_SIDE
from lenet_ablate.datasets.base import Images
from lenet_ablate.datasets.files import reason
from lenet_ablate.datasets.fit import fit
from lenet_ablate.errors import DataError

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
MAX_FILE_BYTES = 2**26
MAX_PICTURE_PIXELS = 2**24
COMMON_SIDE = 64  # at most, of pictures of many sizes


def decode(source: Path | bytes, where: str, color: Color = Color.grey) -> tuple[Images, bool]:
    """A picture as (H, W) uint8, in colour (3, H, W), and whether it has colours; what is transparent is white.

    Raises:
        DataError: It is damaged, too large, or no picture.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if isinstance(source, Path) and source.stat().st_size > MAX_FILE_BYTES:
                raise DataError(f"{where}: is larger than {MAX_FILE_BYTES >> 20} MiB")
            with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS) as image:
                if math.prod(image.size) > MAX_PICTURE_PIXELS:
                    raise DataError(f"{where}: has {image.width}×{image.height} pixels; make it smaller")
                return _pixels(image, color)
    except DataError:
        raise
    except Exception as error:  # decoders raise nearly anything on damaged content
        why = reason(error, 120)
        raise DataError(f"{where}: is no whole picture ({type(error).__name__}: {why})") from None


def _pixels(image: object, color: Color) -> tuple[Images, bool]:
    grey, rgb = _read(image)
    if color is Color.rgb:
        planes = np.stack([grey] * 3) if rgb is None else np.ascontiguousarray(np.moveaxis(rgb, 2, 0))
        return planes, rgb is not None
    return grey, rgb is not None


def _read(image: object) -> tuple[Images, Images | None]:
    """A picture's greys (H, W), and its colours (H, W, 3) where it has any."""
    from PIL import Image

    assert isinstance(image, Image.Image)
    if image.mode.startswith("I;16") or image.mode == "I":
        return np.rint(np.asarray(image, np.float64).clip(0, 65535) / 257).astype(np.uint8), None
    if image.mode == "F":
        values = np.asarray(image, np.float64)
        return np.rint(values * (255 if values.max() <= 1 else 1)).clip(0, 255).astype(np.uint8), None
    if image.mode in ("1", "L"):
        return np.array(image.convert("L")), None
    if "A" in image.mode or "transparency" in image.info:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    rgb = np.asarray(image.convert("RGB"))
    if (rgb == rgb[..., :1]).all():
        return rgb[..., 0].copy(), None
    return np.array(image.convert("RGB").convert("L")), rgb


class Stack:
    """Pictures put together to one array; those of several sizes are brought to one."""

    def __init__(self, where: str, color: Color = Color.grey) -> None:
        self.where, self.color = where, color
        self._images: list[Images] = []
        self._pixels = 0
        self._colours = 0

    def add(self, source: Path | bytes, where: str) -> None:
        """Decode a picture and put it behind the others.

        Raises:
            DataError: It is no picture, or there are too many pixels by now.
        """
        image, has_colours = decode(source, where, self.color)
        if max(image.shape) > MAX_SIDE:
            image = fit(image[None], MAX_SIDE, Resize.bilinear)[0]
        self._pixels += image.size
        if self._pixels > MAX_PIXELS:
            raise DataError(f"{self.where}: has more than {MAX_PIXELS} pixels in all; use fewer or smaller pictures")
        self._images.append(image)
        self._colours += has_colours

    def shapes(self) -> Counter[tuple[int, ...]]:
        """How many pictures there are of each height and width."""
        return Counter(image.shape[-2:] for image in self._images)

    def array(self, side: int | None) -> Images:
        """All pictures, (N, H, W), in colour (N, 3, H, W).

        Args:
            side: What those of several sizes are brought to, a border first making each square; None: all are alike.
        """
        if side is None:
            return np.stack(self._images)
        return np.concatenate([fit(image[None], side, Resize.bilinear) for image in self._images])

    @property
    def has_colours(self) -> bool:
        """Whether any of them has."""
        return self._colours > 0


def together(stacks: Sequence[Stack]) -> tuple[list[Images], list[str]]:
    """The arrays of all stacks, of one height and width, and what was done to get there."""
    shapes: Counter[tuple[int, ...]] = sum((stack.shapes() for stack in stacks), Counter())
    has_colours, color = any(stack.has_colours for stack in stacks), stacks[0].color
    if color is Color.rgb and not has_colours:
        raise DataError(f"{stacks[0].where}: no picture has colours; data.color=grey takes them")
    notes = [f"colour read as {color.value}"] if has_colours else []
    side = None
    if len(shapes) > 1:
        longer = np.repeat([max(shape) for shape in shapes], list(shapes.values()))
        side = min(int(np.median(longer)), COMMON_SIDE)
        low, high = min(shapes), max(shapes)
        notes.append(f"pictures of {low[1]}×{low[0]} to {high[1]}×{high[0]} pixels brought to {side}×{side}")
    arrays = [stack.array(side) for stack in stacks]
    if np.median(arrays[0][: 2**14, ..., 0, :]) > 127:
        notes.append("the background is bright, borders will be black: store 255 - x for ink as in MNIST")
    return arrays, notes
