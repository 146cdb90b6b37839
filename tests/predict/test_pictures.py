"""Pictures in: whatever the file, the polarity, the size and the light, the same digit comes out."""

from __future__ import annotations

import io
import itertools
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from lenet_ablate.errors import PictureError
from lenet_ablate.predict import pictures
from lenet_ablate.predict.digits import Digit, find_digits
from lenet_ablate.predict.form import MNIST_FORM, Form, to_form
from lenet_ablate.predict.ink import Ink, find_ink, otsu
from lenet_ablate.predict.pictures import Picture, from_array, from_image, load_picture

Image28 = Any


def digits_in(ink: Ink) -> list[Digit]:
    return sorted(find_digits(ink).digits, key=lambda digit: digit.box.left)


def two(side: int = 200, margin: float = 0.25, ink: int = 0, paper: int = 255, mode: str = "L") -> Image.Image:
    """A "2" of thick strokes; asymmetric in every direction."""
    big = Image.new("L", (1200, 1200), paper)
    low, high = 1200 * margin, 1200 * (1 - margin)
    length = high - low

    def at(x: float, y: float) -> tuple[float, float]:
        return low + x * length, low + y * length

    points = [at(0.25, 0.2), at(0.5, 0.05), at(0.75, 0.25), at(0.25, 0.95), at(0.8, 0.95)]
    ImageDraw.Draw(big).line(points, fill=ink, width=round(0.1 * length), joint="curve")
    return big.resize((side, side), Image.Resampling.BOX).convert(mode)


def seen(picture: Picture) -> Image28:
    """The only digit of a picture as the network sees it."""
    ink = find_ink(picture)
    assert ink is not None
    (digit,) = digits_in(ink)
    return to_form(digit.ink, MNIST_FORM).astype(int)


def saved(image: Image.Image, path: Path, **options: Any) -> Picture:
    image.save(path, **options)
    return load_picture(path)


def assert_same(found: Image28, expected: Image28, tolerance: float = 8) -> None:
    """Equal but for rounding, which may move the centre of mass across a pixel's border."""
    shifts = itertools.product((-1, 0, 1), repeat=2)
    difference = min(float(np.abs(np.roll(found, shift, (0, 1)) - expected).mean()) for shift in shifts)
    assert difference < tolerance


@pytest.fixture(scope="module")
def expected() -> Image28:
    return seen(from_image(two(400)))


def test_the_form_is_that_of_mnist(expected: Image28) -> None:
    rows, columns = np.nonzero(expected > 40)
    assert max(np.ptp(rows), np.ptp(columns)) + 1 in (19, 20)
    y, x = np.mgrid[0:28, 0:28]
    centre = (expected * y).sum() / expected.sum(), (expected * x).sum() / expected.sum()
    assert all(13.4 <= value <= 14.6 for value in centre)
    assert expected.max() > 240
    assert expected[0].max() == expected[:, 0].max() == 0


def test_another_form_fills_the_frame_and_is_centred_by_its_box() -> None:
    ink = find_ink(from_image(two(400)))
    assert ink is not None
    image = to_form(digits_in(ink)[0].ink, Form(8, 8, by_mass=False))
    assert image.shape == (8, 8)
    assert image[0].max() > 60 and image[-1].max() > 60


@pytest.mark.parametrize(("ink", "paper"), [(255, 0), (0, 255), (40, 90), (200, 120), (10, 140)])
def test_polarity_and_contrast_change_nothing(ink: int, paper: int, expected: Image28) -> None:
    assert_same(seen(from_image(two(400, ink=ink, paper=paper))), expected)


@pytest.mark.parametrize("side", [64, 113, 399, 401, 1000, 4000])
def test_size_changes_nothing(side: int, expected: Image28) -> None:
    assert_same(seen(from_image(two(side))), expected)


@pytest.mark.parametrize("margin", [0.0, 0.02, 0.1, 0.35])
def test_the_margin_changes_nothing(margin: float, expected: Image28) -> None:
    assert_same(seen(from_image(two(300, margin=margin))), expected)


@pytest.mark.parametrize(("ink", "form"), list(itertools.product((0, 255), ("RGBA", "LA", "PA"))))
def test_transparent_paper_is_paper(ink: int, form: str, expected: Image28, tmp_path: Path) -> None:
    image = Image.new("RGBA", (400, 400), (ink, ink, ink, 0))
    image.putalpha(ImageOps.invert(two(400)))
    picture = from_image(image.convert(form)) if form == "PA" else saved(image.convert(form), tmp_path / "a.png")
    assert_same(seen(picture), expected)


def test_a_page_with_transparent_corners_keeps_its_paper(expected: Image28) -> None:
    image = two(400).convert("RGBA")
    alpha = Image.new("L", (400, 400), 0)
    ImageDraw.Draw(alpha).rounded_rectangle([0, 0, 399, 399], 50, fill=255)
    image.putalpha(alpha)
    assert_same(seen(from_image(image)), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_tags_are_obeyed(orientation: int, expected: Image28, tmp_path: Path) -> None:
    turned = two(500)
    # What undoes each orientation, by the TIFF 6.0 tag's own definition of where row 0 and column 0 lie.
    pixels = np.asarray(turned)
    stored = {
        1: pixels,
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: pixels.T,
        6: pixels.T[::-1],
        7: pixels[::-1, ::-1].T,
        8: pixels.T[:, ::-1],
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = saved(Image.fromarray(np.ascontiguousarray(stored)), tmp_path / "a.jpg", exif=exif, quality=95)
    assert_same(seen(picture), expected)


@pytest.mark.parametrize(
    ("name", "mode", "options"),
    [
        ("a.png", "L", {}),
        ("a.png", "1", {}),
        ("a.png", "P", {}),
        ("a.png", "RGB", {}),
        ("a.jpg", "L", {}),
        ("a.jpg", "RGB", {"progressive": True}),
        ("a.jpg", "CMYK", {}),
        ("a.bmp", "RGB", {}),
        ("a.gif", "P", {}),
        ("a.webp", "RGB", {}),
    ],
)
def test_formats_and_modes(name: str, mode: str, options: Any, expected: Image28, tmp_path: Path) -> None:
    assert_same(seen(saved(two(400, mode=mode), tmp_path / name, **options)), expected)


@pytest.mark.parametrize("white", [255, 1023, 4095, 65535])
def test_sixteen_bits(white: int, expected: Image28, tmp_path: Path) -> None:
    pixels = (np.asarray(two(400), np.float64) * white / 255).astype(np.uint16)
    assert_same(seen(saved(Image.fromarray(pixels), tmp_path / "a.png")), expected)
    assert_same(seen(from_array(pixels)), expected)


def test_arrays(expected: Image28) -> None:
    pixels = np.asarray(two(400))
    assert_same(seen(from_array(pixels)), expected)
    assert_same(seen(from_array(pixels / 255)), expected)
    assert_same(seen(from_array(np.stack([pixels] * 3, axis=-1))), expected)
    for wrong in (pixels[None], pixels.astype(int), np.zeros((0, 4), np.uint8), pixels / 1.0):
        with pytest.raises(PictureError, match="expected"):
            from_array(wrong)


def test_of_an_animation_the_first_frame(expected: Image28, tmp_path: Path) -> None:
    blank = Image.new("L", (400, 400), 255)
    assert_same(seen(saved(two(400), tmp_path / "a.gif", save_all=True, append_images=[blank] * 3)), expected)


@pytest.mark.parametrize("slope", [(0.5, 0.0), (0.0, 0.6), (0.35, 0.35)])
def test_uneven_light(slope: tuple[float, float], expected: Image28) -> None:
    y, x = np.mgrid[0:640, 0:640] / 640
    lit = np.asarray(two(640, ink=60, paper=240)) * (1 - slope[0] * x - slope[1] * y)
    assert_same(seen(from_array(lit.astype(np.uint8))), expected)


@pytest.mark.parametrize("column", [150, 320, 500])
def test_the_edge_of_a_shadow(column: int, expected: Image28) -> None:
    lit = np.asarray(two(640, ink=40, paper=230)).astype(float)
    lit[:, column:] *= 0.6
    noise = np.random.default_rng(0).normal(0, 4, lit.shape)
    assert_same(seen(from_array((lit + noise).clip(0, 255).astype(np.uint8))), expected, tolerance=16)


def test_thin_strokes_are_thickened() -> None:
    image = Image.new("L", (400, 400), 255)
    ImageDraw.Draw(image).line([(100, 60), (300, 60), (180, 340)], fill=0, width=3)
    found = seen(from_image(image))
    assert found.max() > 200 and (found > 127).sum() > 30


def test_several_digits_from_left_to_right() -> None:
    page = Image.new("L", (900, 300), 255)
    for number in range(3):
        page.paste(two(250 - 10 * number, margin=0.15), (20 + 290 * number, 20))
    ink = find_ink(from_image(page))
    assert ink is not None
    digits = digits_in(ink)
    assert len(digits) == 3
    assert [digit.box.left for digit in digits] == sorted(digit.box.left for digit in digits)


@pytest.mark.parametrize("grey", [100, 128, 136, 144])
def test_a_faint_digit_beside_a_dark_one(grey: int) -> None:
    image = Image.new("L", (400, 300), 255)
    draw = ImageDraw.Draw(image)
    for left, level in ((60, 0), (260, grey)):
        draw.line([(left, 60), (left + 80, 60), (left + 20, 240)], fill=level, width=20)
    ink = find_ink(from_image(image))
    assert ink is not None
    dark, faint = (to_form(digit.ink, MNIST_FORM).astype(int) for digit in digits_in(ink))
    assert np.abs(dark - faint).max() <= 2


def test_a_bar_above_belongs_to_its_digit_and_dust_does_not() -> None:
    image = Image.new("L", (400, 400), 255)
    draw = ImageDraw.Draw(image)
    draw.line([(150, 120), (150, 200), (250, 240), (150, 330)], fill=0, width=24)
    draw.line([(160, 85), (260, 85)], fill=0, width=18)  # the bar of a "5", not quite touching
    draw.point([(20, 380), (380, 20)], fill=0)
    ink = find_ink(from_image(image))
    assert ink is not None
    (digit,) = digits_in(ink)
    assert digit.box.top < 85 and digit.box.bottom > 330 and digit.box.left > 100


def test_a_digit_much_paler_than_the_others_is_found() -> None:
    page = np.full((200, 400), 255, np.uint8)
    page[40:160, 60:75] = page[40:160, 150:165] = 0
    page[40:160, 300:325] = 135  # more ink than paper, less than half of the others'
    ink = find_ink(from_array(page))
    assert ink is not None and ink.strength[100, 305] < 0.5 and ink.mask[100, 305]
    assert [digit.box.left for digit in digits_in(ink)] == [60, 150, 300]
    assert to_form(digits_in(ink)[2].ink, MNIST_FORM).max() > 80


@pytest.mark.parametrize("gap", [14, 60])
@pytest.mark.parametrize("slant", [0, 10, 30])
def test_an_upright_one_is_a_digit_beside_a_wide_one(slant: int, gap: int) -> None:
    page = Image.new("L", (420, 300), 245)
    draw = ImageDraw.Draw(page)
    for left in (40, 40 + 2 * 14 + gap):
        draw.line([(left + slant, 80), (left, 210)], fill=20, width=14)
    left = 40 + 2 * (14 + gap) + slant + 30
    draw.ellipse([left, 85, left + 110, 205], outline=20, width=14)
    ink = find_ink(from_image(page))
    assert ink is not None
    assert [round(digit.ink.shape[1] / digit.ink.shape[0], 1) >= 0.7 for digit in digits_in(ink)] == [
        *(False, False, True)
    ]


def blank_pages() -> dict[str, Any]:
    random = np.random.default_rng(0)
    y, x = np.mgrid[0:480, 0:640] / 640
    return {
        "white": np.full((300, 200), 255, np.uint8),
        "black": np.zeros((28, 28), np.uint8),
        "one pixel": np.zeros((1, 1), np.uint8),
        "a line of pixels": np.full((1, 5000), 9, np.uint8),
        "faint noise": random.normal(200, 2, (480, 640)).astype(np.uint8),
        "noise": random.normal(128, 30, (480, 640)).clip(0, 255).astype(np.uint8),
        "small noise": random.integers(0, 256, (28, 28)).astype(np.uint8),
        "gradient": (40 + 200 * x).astype(np.uint8),
        "noise on a strip": random.normal(128, 30, (28, 8)).clip(0, 255).astype(np.uint8),
        "small gradient": np.tile(np.linspace(0, 255, 60), (60, 1)).astype(np.uint8),
        "shadow": np.where(x + y > 0.7, 120, 220).astype(np.uint8),
        "lit corner": (250 * np.exp(-2 * (x**2 + y**2))).astype(np.uint8),
        "nothing but transparency": np.zeros((50, 50, 4), np.uint8),
    }


@pytest.mark.parametrize("name", list(blank_pages()))
def test_blank_pages_hold_no_digit(name: str) -> None:
    ink = find_ink(from_array(blank_pages()[name]))
    assert ink is None or not digits_in(ink)


def closely_cut_one() -> Any:
    """A leaning 1 that touches all sides, 20 rows of five pixels; what is not ink is an edge of it."""
    row, column = np.mgrid[0:20, 0:5]
    distance = np.abs(column - 2.6 + 0.06 * row)
    return (255 * (2.2 - distance).clip(0, 1)).astype(np.uint8)


def test_a_one_that_fills_its_picture_is_found() -> None:
    for pixels in (closely_cut_one(), 255 - closely_cut_one()):
        ink = find_ink(from_array(pixels))
        assert ink is not None
        (digit,) = digits_in(ink)
        image = to_form(digit.ink, MNIST_FORM)
        assert image[4:25, 9:19].sum() > 0.99 * image.sum() and image[8:20].max(axis=1).min() > 200


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


def whole(kind: str) -> bytes:
    packed = io.BytesIO()
    two(200, mode="RGB").save(packed, kind)
    return packed.getvalue()


HOSTILE = {
    "empty": b"",
    "text": b"hello, this is no picture\n" * 20,
    "bomb": png_header(100_000, 100_000),
    "large": png_header(8000, 7000),
    "short": png_header(300, 300),
    "no pixels": png_header(0, 10),
    "tiff": b"II*\0" + b"\0" * 100,
    **{f"truncated {kind}": whole(kind)[: len(whole(kind)) // 2] for kind in ("PNG", "JPEG", "BMP", "GIF", "WEBP")},
}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_hostile_files_become_one_sentence(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(HOSTILE[name])
    with pytest.raises(PictureError) as caught:
        load_picture(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    if name in ("bomb", "large"):
        assert "megapixels" in str(caught.value)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "WEBP"])
def test_damaged_files_never_raise_anything_else(kind: str, tmp_path: Path) -> None:
    random, content, path = np.random.default_rng(1), whole(kind), tmp_path / "a"
    for _ in range(60):
        damaged = bytearray(content)
        for place in random.integers(0, min(len(damaged), 2000), 6):
            damaged[place] = random.integers(256)
        path.write_bytes(damaged)
        try:
            picture = load_picture(path)
        except PictureError:
            continue
        ink = find_ink(picture)
        if ink is not None:
            digits_in(ink)


def test_what_is_no_file_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PictureError, match="no such file"):
        load_picture(tmp_path / "none.png")
    with pytest.raises(PictureError, match="not a file"):
        load_picture(tmp_path)
    (tmp_path / "a.png").write_bytes(whole("PNG"))
    monkeypatch.setattr(pictures, "MAX_BYTES", 100)
    with pytest.raises(PictureError, match="larger than"):
        load_picture(tmp_path / "a.png")


def test_otsu_parts_two_classes_where_any_threshold_between_them_would() -> None:
    """Against the definition: no other threshold gives a larger variance between the classes."""
    random = np.random.default_rng(0)
    values = np.concatenate([random.normal(50, 10, 700), random.normal(180, 20, 300)]).astype(np.float32)

    def between(threshold: float) -> float:
        low, high = values[values <= threshold], values[values > threshold]
        return float(low.size * high.size * (low.mean() - high.mean()) ** 2)

    best = max(between(float(candidate)) for candidate in np.linspace(30, 220, 1000))
    assert between(otsu(values)) > 0.999 * best
    assert otsu(np.full(5, 3, np.float32)) == 3
