"""Damaged and hostile pictures: whole files of every format and mode, and what becomes of them when bytes go astray.

`python -m support.hostile_pictures 20000`, run in tests/, reads so many and prints how it went; exit status 1 where
something went wrong.
"""

from __future__ import annotations

import io
import struct
import sys
import tempfile
import time
import traceback
import warnings
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageDraw, PngImagePlugin

from lenet_ablate.config.settings import RunConfig
from lenet_ablate.engines.forward import Network
from lenet_ablate.engines.weights import draw_weights
from lenet_ablate.errors import PictureError
from lenet_ablate.predict.form import MNIST_FORM
from lenet_ablate.predict.pictures import load_picture
from lenet_ablate.predict.predictor import Predictor
from lenet_ablate.predict.trained import Trained

MAX_SECONDS, MAX_MEGABYTES = 2.0, 500
PNG_HEAD = b"\x89PNG\r\n\x1a\n"
SIZES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x100, 0x1FFF, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def drawing(width: int = 120, height: int = 90) -> Image.Image:
    """Two strokes, dark on light."""
    image = Image.new("RGB", (width, height), (240, 235, 220))
    points = [(0.3, 0.2), (0.6, 0.25), (0.4, 0.8), (0.65, 0.85)]
    ink = [(x * width, y * height) for x, y in points]
    ImageDraw.Draw(image).line(ink, fill=(20, 30, 90), width=width // 15, joint="curve")
    return image


def photograph() -> Image.Image:
    """The same with noise under uneven light, large enough for its background to be divided out."""
    image = np.asarray(drawing(640, 480)).astype(float) * np.linspace(0.4, 1, 640)[None, :, None]
    noise = np.random.default_rng(0).normal(0, 6, image.shape)
    return Image.fromarray((image + noise).clip(0, 255).astype(np.uint8))


def pack(image: Image.Image, kind: str, **options: Any) -> bytes:
    packed = io.BytesIO()
    image.save(packed, kind, **options)
    return packed.getvalue()


def whole_files() -> dict[str, bytes]:
    """A whole file of each format and mode by name."""
    plain, photo = drawing(), photograph()
    clear = plain.convert("RGBA")
    clear.putalpha(plain.convert("L").point(lambda level: 255 - level))
    turned = [plain.rotate(angle) for angle in (90, 180)]
    deep = Image.fromarray(np.asarray(plain.convert("L")).astype(np.uint16) * 257)
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", "a digit " * 50, zip=True)
    files = {f"PNG {mode}": pack(plain.convert(mode), "PNG") for mode in ("1", "L", "LA", "P", "RGB")}
    files |= {
        "PNG RGBA": pack(clear, "PNG"),
        "PNG transparent palette": pack(plain.convert("P"), "PNG", transparency=bytes(range(256))),
        "PNG 16 bits": pack(deep, "PNG"),
        "PNG animated": pack(clear, "PNG", save_all=True, append_images=[image.convert("RGBA") for image in turned]),
        "PNG text": pack(plain, "PNG", pnginfo=notes, icc_profile=b"profile" * 40, dpi=(72, 72)),
        "PNG photograph": pack(photo, "PNG"),
        "JPEG photograph": pack(photo, "JPEG"),
        "JPEG progressive": pack(photo, "JPEG", progressive=True, quality=40),
        "JPEG 4:4:4": pack(plain, "JPEG", subsampling=0, icc_profile=b"profile" * 40),
        "JPEG and more": pack(plain, "MPO", save_all=True, append_images=turned),
        "GIF animated": pack(plain.convert("P"), "GIF", save_all=True, append_images=turned, duration=10, disposal=2),
        "GIF transparent": pack(plain.convert("P"), "GIF", transparency=3, interlace=1),
        "WebP": pack(plain, "WEBP"),
        "WebP transparent": pack(clear, "WEBP"),
        "WebP lossless": pack(clear, "WEBP", lossless=True),
        "WebP animated": pack(plain, "WEBP", save_all=True, append_images=turned),
    }
    files |= {f"JPEG {mode}": pack(plain.convert(mode), "JPEG") for mode in ("L", "RGB", "CMYK")}
    files |= {f"BMP {mode}": pack(plain.convert(mode), "BMP") for mode in ("1", "L", "P", "RGB", "RGBA")}
    files |= {f"BMP {4 * kind} bits run-length": run_length(90, 60, kind) for kind in (1, 2)}
    files |= {f"GIF {mode}": pack(plain.convert(mode), "GIF") for mode in ("1", "L", "P")}
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        kind = ("JPEG", "PNG", "WEBP")[orientation % 3]
        files[f"{kind} orientation {orientation}"] = pack(plain, kind, exif=exif)
    return files


def run_length(width: int, height: int, kind: int, lines: bytes | None = None) -> bytes:
    """A BMP of coded lines, an upright stroke by default: kind 1 codes a count and a level, kind 2 two of 4 bits."""
    if lines is None:
        paper, left, ink = bytes([width, 0x00, 0, 0]), bytes([width * 4 // 9, 0x00]), bytes([width // 9, 0x11])
        stroke = left + ink + bytes([width - width * 4 // 9 - width // 9, 0x00, 0, 0])
        lines = (paper * (height // 4) + stroke * (height - 2 * (height // 4)) + paper * (height // 4)) + b"\0\1"
    bits = {1: 8, 2: 4}[kind]
    palette = bytes(level for grey in range(2**bits) for level in (*3 * [255 * (grey == 0)], 0))
    start = 14 + 40 + len(palette)
    sizes = struct.pack("<IHHI", start + len(lines), 0, 0, start)
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, kind, len(lines), 0, 0, 0, 0)
    return b"BM" + sizes + head + palette + lines


def damaged_files(seed: int) -> Iterator[tuple[str, bytes]]:
    """Without end: a whole file's name and its content after one to three mishaps."""
    random = np.random.default_rng(seed)
    files = whole_files()
    names = sorted(files)
    while True:
        name = names[random.integers(len(names))]
        content, other = bytearray(files[name]), files[names[random.integers(len(names))]]
        for _ in range(random.choice([1, 1, 1, 2, 3])):
            content = damage(content, other, random)
        if content.startswith(PNG_HEAD) and random.random() < 0.6:
            content = with_right_sums(content)
        yield name, bytes(content)


def damage(content: bytearray, other: bytes, random: np.random.Generator) -> bytearray:
    """One mishap: bits, bytes, a length, a cut, a piece lost, doubled or of another file."""
    if not content:
        return content
    early = min(len(content), 64) if random.random() < 0.5 else len(content)  # headers matter more than their size
    place, length = int(random.integers(early)), int(random.integers(1, 200))
    match random.integers(7):
        case 0:
            content[place] ^= 1 << int(random.integers(8))
        case 1:
            content[place : place + 1] = random.integers(0, 256, 1, np.uint8).tobytes()
        case 2:
            size, width = SIZES[random.integers(len(SIZES))], int(random.choice([1, 2, 4]))
            number = (size & (256**width - 1)).to_bytes(width, random.choice(["big", "little"]))  # type: ignore[arg-type]
            content[place : place + width] = number
        case 3:
            del content[random.integers(len(content)) :]
        case 4:
            del content[place : place + length]
        case 5:
            content[place:place] = content[place : place + length]
        case 6:
            start = int(random.integers(len(other)))
            content[place : place + int(random.integers(length))] = other[start : start + length]
    return content


def with_right_sums(png: bytearray) -> bytearray:
    """A PNG whose check sums are right, so that damage within its chunks comes to be decoded."""
    place = len(PNG_HEAD)
    while place + 12 <= len(png):
        (length,) = struct.unpack_from(">I", png, place)
        end = place + 8 + length
        if end + 4 > len(png):
            break
        struct.pack_into(">I", png, end, zlib.crc32(png[place + 4 : end]))
        place = end + 4
    return png


def plain_png(width: int, height: int, colour_type: int, depth: int = 8) -> bytes:
    """A PNG of zeros, made without ever being held as a whole: colour type 0 grey, 2 RGB, 4 with alpha, 6 both."""
    row = bytes(1 + width * {0: 1, 2: 3, 4: 2, 6: 4}[colour_type] * depth // 8)
    packer = zlib.compressobj(1)
    data = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    png = bytearray(PNG_HEAD)
    for kind, body in (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)),
        (b"IDAT", data),
        (b"IEND", b""),
    ):
        png += struct.pack(">I", len(body)) + kind + body + bytes(4)
    return bytes(with_right_sums(png))


def untrained_predictor() -> Predictor:
    config = RunConfig()
    return Predictor((Trained(Path("none"), config, Network(config, draw_weights(config)), None, None),), MNIST_FORM)


def outcome(predictor: Predictor, path: Path) -> str:
    """What becomes of a file; an error of more than a line is one that a user must not see."""
    try:
        predictions = predictor.read(load_picture(path))
    except PictureError as error:
        assert str(error).startswith(str(path)) and len(str(error).splitlines()) == 1, error
        return "refused"
    return "without a digit" if predictions[0].digit is None else "read"


def peak_megabytes() -> float:
    """The most memory that this process held at once."""
    status = Path("/proc/self/status")
    if status.is_file():  # the other way counts what the parent held when it started this process
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 2**10
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def main(count: int, seed: int) -> int:
    warnings.simplefilter("error")
    predictor, outcomes, slowest, num_wrong = untrained_predictor(), Counter[str](), (0.0, ""), 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture"
        for number, (name, content) in zip(range(count), damaged_files(seed), strict=False):
            path.write_bytes(content)
            begun = time.perf_counter()
            try:
                outcomes[outcome(predictor, path)] += 1
            except Exception:
                num_wrong += 1
                print(f"file {number}, {name}:\n{traceback.format_exc()}")
                Path(f"hostile-{seed}-{number}").write_bytes(content)
            slowest = max(slowest, (time.perf_counter() - begun, f"file {number}, {name}"))
    print(f"{count} files, seed {seed}: {dict(outcomes)}, {num_wrong} wrong")
    print(f"slowest {slowest[0]:.2f} s ({slowest[1]}), peak {peak_megabytes():.0f} MB")
    return int(num_wrong > 0 or slowest[0] > MAX_SECONDS or peak_megabytes() > MAX_MEGABYTES)


if __name__ == "__main__":
    sys.exit(main(*(int(word) for word in sys.argv[1:2] or ["20000"]), *(int(word) for word in sys.argv[2:3] or ["0"])))
