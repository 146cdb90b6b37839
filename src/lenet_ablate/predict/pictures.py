"""Pictures from files, decoded within limits: whatever a file holds, the answer is a grey picture or one sentence."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from PIL.BmpImagePlugin import BmpImageFile

from lenet_ablate.errors import PictureError, no_such
from lenet_ablate.predict.boxes import Box
from lenet_ablate.predict.other_kinds import other_kind

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP")
MAX_BYTES = 100 * 2**20
MAX_PIXELS = 50 * 2**20  # a telephone's 50 megapixels
MAX_WEBP_PIXELS = 16 * 2**20  # its decoder holds them four times over, 16 bytes each, and the file as well
MAX_RLE_PIXELS = 4 * 2**20  # run-length coded BMP is decoded in Python
MAX_SCAN_PIXELS = 30 * MAX_PIXELS  # of a progressive JPEG, which is decoded once for each scan and has about 10
MIN_ALPHA = 0.98  # the rounding of an editor is not transparency
WORK_SIDE, FINE_SIDE, SMALL_SIDE, ENLARGED_SIDE = 400, 800, 112, 160
LYING = (5, 6, 7, 8)  # orientations that exchange height and width
_BAND_PIXELS = 2**21
_START_OF_SCAN = b"\xff\xda"
_RUN_LENGTH = BmpImageFile.COMPRESSIONS["RLE8"], BmpImageFile.COMPRESSIONS["RLE4"]
_COLOURED_DEVIATION = 25  # grey levels; ink of one colour varies less, a page with writing more

Grey = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Picture:
    """A picture, upright and opaque, at the size that digits are looked for.

    Attributes:
        grey: (H, W) float32, luminance 0..255; the longer side is at most `WORK_SIDE` and at least `SMALL_SIDE`.
        height: Of the picture as it is seen, in pixels.
        width: The same.
        finer: The same as `grey` with a longer side of at most `FINE_SIDE`, for small writing; None where the picture
            has no more pixels.
    """

    grey: Grey
    height: int
    width: int
    finer: Grey | None = None

    @property
    def longer_side(self) -> int:
        """Of the picture as it is seen, in pixels."""
        return max(self.height, self.width)

    def in_pixels(self, box: Box) -> Box:
        """The smallest box in pixels of the picture as it is seen that holds one at working size."""
        down, across = self.height / self.grey.shape[0], self.width / self.grey.shape[1]
        return Box(
            math.floor(box.top * down),
            math.floor(box.left * across),
            min(self.height, math.ceil(box.bottom * down)),
            min(self.width, math.ceil(box.right * across)),
        )


def load_picture(path: Path) -> Picture:
    """Read a picture file: PNG, JPEG, BMP, GIF (first frame) or WebP.

    Raises:
        PictureError: There is no such file, it is too large, or it is not a whole picture in one of these formats.
    """
    with _decoding(str(path)):
        if not path.is_file():
            raise PictureError(f"{path}: {'is not a file' if path.exists() else no_such(path, 'file')}")
        if path.stat().st_size > MAX_BYTES:
            raise PictureError(f"{path}: is larger than {MAX_BYTES >> 20} MiB")
        if other := other_kind(path):
            raise PictureError(f"{path}: is {other}, which is not read; save it as PNG or JPEG")
        with Image.open(path, formats=FORMATS) as image:
            _check_size(str(path), image)
            _check_scans(path, image)
            size = image.size
            if image.format in ("JPEG", "MPO"):  # MPO: a JPEG with more pictures behind the first, as telephones write
                wanted = (2 * WORK_SIDE, 1) if image.width >= image.height else (1, 2 * WORK_SIDE)
                image.draft(image.mode, wanted)  # decodes at a fraction of the size
            return _prepare(image, size)


def from_image(image: Image.Image) -> Picture:
    """A picture that Pillow holds.

    Raises:
        PictureError: It is too large or cannot be decoded.
    """
    with _decoding("picture"):
        _check_size("picture", image)
        return _prepare(image, image.size)


def from_array(pixels: npt.NDArray[Any]) -> Picture:
    """A picture as an array.

    Args:
        pixels: (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA, uint8 0..255; or (H, W) float 0..1 or uint16.

    Raises:
        PictureError: It is too large, or of another shape or type.
    """
    if pixels.dtype.kind == "f" and pixels.ndim == 2 and pixels.size and 0 <= pixels.min() <= pixels.max() <= 1:
        pixels = np.rint(pixels * 65535).astype(np.uint16)
    known = (pixels.ndim == 2 and pixels.dtype in (np.uint8, np.uint16)) or (
        pixels.ndim == 3 and pixels.shape[2] in (3, 4) and pixels.dtype == np.uint8
    )
    if not known or not pixels.size:
        raise PictureError(
            f"array of shape {pixels.shape} and type {pixels.dtype}: expected (H, W), (H, W, 3) or (H, W, 4) uint8, "
            "or (H, W) uint16 or float in 0..1"
        )
    return from_image(Image.fromarray(np.ascontiguousarray(pixels)))


@contextlib.contextmanager
def _decoding(name: str) -> Iterator[None]:
    """Whatever a decoder raises on hostile or damaged content becomes one sentence."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except PictureError:
        raise
    except UnidentifiedImageError:
        raise PictureError(f"{name}: is not a picture in a known format ({', '.join(FORMATS)})") from None
    except Image.DecompressionBombError:
        raise PictureError(_too_large(name, MAX_PIXELS)) from None
    except MemoryError:
        raise PictureError(f"{name}: does not fit in memory") from None
    except OSError as error:
        raise PictureError(f"{name}: cannot be read ({error.strerror or _first_line(error)})") from None
    except Exception as error:  # decoders raise nearly anything: SyntaxError, struct.error, zlib.error, …
        raise PictureError(f"{name}: is damaged ({type(error).__name__}: {_first_line(error)})") from None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0]


def _too_large(name: str, limit: int) -> str:
    return f"{name}: has more than {limit >> 20} megapixels, the most that is read in its format; make it smaller"


def _check_size(name: str, image: Image.Image) -> None:
    limit = MAX_PIXELS
    if image.format == "WEBP":
        limit = MAX_WEBP_PIXELS
    elif image.format == "BMP" and image.info.get("compression") in _RUN_LENGTH:
        limit = MAX_RLE_PIXELS
    if image.width * image.height > limit:
        raise PictureError(_too_large(name, limit))


def _check_scans(path: Path, image: Image.Image) -> None:
    if not image.info.get("progressive"):
        return
    count, last = 0, b""
    with path.open("rb") as file:
        while chunk := file.read(2**20):
            count += (last + chunk).count(_START_OF_SCAN)
            last = chunk[-1:]
    if count * image.width * image.height > MAX_SCAN_PIXELS:
        raise PictureError(f"{path}: has {count} scans, too many for its size; save it as a baseline JPEG")


def _prepare(image: Image.Image, size: tuple[int, int]) -> Picture:
    image.load()  # of an animation the first frame
    simple = _simple(image)
    width, height = size
    with contextlib.suppress(Exception):  # damaged EXIF is no reason to refuse a whole picture
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        simple.getexif()[ExifTags.Base.Orientation] = orientation
        simple = ImageOps.exif_transpose(simple)
        width, height = (height, width) if orientation in LYING else (width, height)
    grey = _opaque(simple)
    longer = max(grey.shape)
    if longer > WORK_SIDE:
        return Picture(_scaled(grey, WORK_SIDE / longer), height, width, _scaled(grey, min(1.0, FINE_SIDE / longer)))
    return Picture(_scaled(grey, max(1, round(ENLARGED_SIDE / longer)) if longer < SMALL_SIDE else 1), height, width)


def _scaled(grey: Grey, scale: float) -> Grey:
    if scale == 1:
        return grey
    height, width = (max(1, round(side * scale)) for side in grey.shape)
    kernel = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    scaled: Grey = np.asarray(Image.fromarray(grey).resize((width, height), kernel)).clip(0, 255)
    return scaled


def _simple(image: Image.Image) -> Image.Image:
    """The same picture as L, LA, or 16 bits of grey, already shrunk where it is very large.

    It goes band by band, since a large picture in several modes at once would take several times its memory.
    """
    width, height = image.size
    factor = max(1, max(image.size) // (2 * WORK_SIDE))
    if image.mode.startswith("I") or image.mode == "F":
        smaller = max(1, width // factor), max(1, height // factor)
        return image.resize(smaller, Image.Resampling.BOX) if factor > 1 else image.copy()
    rows = factor * max(1, _BAND_PIXELS // (width * factor))
    tops = range(0, height, rows)
    bands = [_simple_band(image.crop((0, top, width, min(height, top + rows))), factor) for top in tops]
    simple = Image.new(bands[0].mode, (bands[0].width, sum(band.height for band in bands)))
    for number, band in enumerate(bands):
        simple.paste(band, (0, number * bands[0].height))
    return simple


def _simple_band(band: Image.Image, factor: int) -> Image.Image:
    if "A" in band.getbands() or "transparency" in band.info:
        return band.convert("RGBA").reduce(factor).convert("LA")
    return (band if band.mode in ("1", "L", "RGB") else band.convert("RGB")).convert("L").reduce(factor)


def _opaque(image: Image.Image) -> Grey:
    """The luminance 0..255, transparent ink laid on paper that it stands out from."""
    pixels = np.asarray(image).astype(np.float32)
    if image.mode == "L":
        return pixels
    if image.mode != "LA":  # 16 bits of grey that hold 8, 10, 12, 14 or 16
        bits = max(8, int(pixels.max(initial=0)).bit_length())
        return (pixels * np.float32(255 / (2**bits - 1))).clip(0, 255)
    grey, alpha = pixels[..., 0], pixels[..., 1] / np.float32(255)
    if alpha.min() >= MIN_ALPHA:
        return grey
    paper = _paper_behind(grey, alpha)
    opaque: Grey = grey * alpha + np.float32(paper) * (1 - alpha)
    return opaque


def _paper_behind(grey: Grey, alpha: Grey) -> float:
    total = float(alpha.sum())
    if total == 0:
        return 255.0
    mean = float((grey * alpha).sum()) / total
    deviation = float(np.sqrt((alpha * (grey - mean) ** 2).sum() / total))
    opaque = alpha > 0.5
    if deviation > _COLOURED_DEVIATION and opaque.mean() > 0.5:  # a page with its corners cut off
        return float(np.median(grey[opaque]))
    return 255.0 if mean < 128 else 0.0
