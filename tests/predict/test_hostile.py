"""Hostile pictures: whatever the bytes, one sentence or an answer, within limits of memory and work."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lenet_ablate.errors import PictureError
from lenet_ablate.predict import digits, pictures, pieces
from lenet_ablate.predict.ink import find_ink
from lenet_ablate.predict.pictures import from_array, from_image, load_picture
from support import hostile_pictures as hostile

FILES = hostile.whole_files()
FULL = 8192, 6400  # 50 megapixels


@pytest.mark.parametrize("name", list(FILES))
def test_whole_files_are_read(name: str, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(FILES[name])
    assert hostile.outcome(hostile.untrained_predictor(), path) == "read"


def test_damaged_files_are_refused_in_one_line_or_read(tmp_path: Path) -> None:
    """`python -m support.hostile_pictures` in tests/ tries many more."""
    predictor, path, outcomes = hostile.untrained_predictor(), tmp_path / "picture", Counter[str]()
    for _, (_, content) in zip(range(400), hostile.damaged_files(1), strict=False):
        path.write_bytes(content)
        outcomes[hostile.outcome(predictor, path)] += 1
    assert outcomes["refused"] > 100 and outcomes["read"] > 50


def largest_files() -> dict[str, Any]:
    """What takes the most memory in each format, of as many pixels as are read; each writes itself to a file."""
    clear = Image.new("RGBA", (4096, 4096), (9, 9, 9, 99))
    return {
        "RGBA PNG": lambda path: path.write_bytes(hostile.plain_png(*FULL, colour_type=6)),
        "progressive JPEG": lambda path: Image.new("CMYK", FULL).save(path, "JPEG", progressive=True, subsampling=0),
        "lossless WebP": lambda path: clear.save(path, "WEBP", lossless=True, method=0),
    }


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="a process's own peak is known on Linux alone")
@pytest.mark.parametrize("name", list(largest_files()))
def test_the_largest_pictures_fit_into_memory(name: str, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    largest_files()[name](path)
    script = (
        "import sys; from pathlib import Path; from support import hostile_pictures as hostile; "
        "print(hostile.outcome(hostile.untrained_predictor(), Path(sys.argv[1])), hostile.peak_megabytes())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    answer, _, peak = done.stdout.strip().rpartition(" ")
    assert answer == "without a digit" and float(peak) < hostile.MAX_MEGABYTES


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_a_picture_in_bands_is_the_whole_picture(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    image = hostile.drawing(2501, 1733).convert(mode)
    if mode == "P":
        image.info["transparency"] = bytes(range(256))
    banded = from_image(image).grey
    monkeypatch.setattr(pictures, "_BAND_PIXELS", 2**30)
    np.testing.assert_array_equal(banded, from_image(image).grey)
    assert np.ptp(banded) > 50


def test_a_telephone_s_pictures_behind_the_first_change_nothing(tmp_path: Path) -> None:
    image = hostile.drawing(2000, 1500)
    image.save(tmp_path / "a.jpg", "JPEG")
    image.save(tmp_path / "b.jpg", "MPO", save_all=True, append_images=[image.rotate(90)])
    with Image.open(tmp_path / "b.jpg") as opened:
        assert opened.format == "MPO"
    first, second = (load_picture(tmp_path / name) for name in ("a.jpg", "b.jpg"))
    np.testing.assert_array_equal(first.grey, second.grey)
    assert second.longer_side == 2000


def test_a_jpeg_of_many_scans_is_refused(tmp_path: Path) -> None:
    path, content = tmp_path / "a.jpg", hostile.pack(Image.new("L", (8000, 600)), "JPEG", progressive=True)
    path.write_bytes(content)
    assert load_picture(path).longer_side == 8000
    last_scan = content[content.rindex(b"\xff\xda") : -2]
    path.write_bytes(content[:-2] + 400 * last_scan + content[-2:])
    with pytest.raises(PictureError, match="scans"):
        load_picture(path)


def test_formats_that_cost_more_have_lower_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_bytes(hostile.run_length(8000, 6000, 1, lines=b"\0\0" * 6000))  # 15 s, if it were read
    with pytest.raises(PictureError, match="more than 4 megapixels"):
        load_picture(path)
    monkeypatch.setattr(pictures, "MAX_WEBP_PIXELS", 100 * 100)
    hostile.drawing(120, 90).save(path, "WEBP")
    with pytest.raises(PictureError, match="megapixels"):
        load_picture(path)
    hostile.drawing(100, 90).save(path, "WEBP")
    assert load_picture(path).longer_side == 100


def test_a_pattern_of_dots_is_looked_at_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    page = np.full((100, 400), 255, np.uint8)
    for number in range(6):
        page[30 + 2 * number : 70, 30 + 60 * number : 36 + 60 * number] = 0
    ink = find_ink(from_array(page))
    assert ink is not None and len(digits.find_digits(ink).digits) == 6
    monkeypatch.setattr(pieces, "MAX_PIECES", 4)
    found = digits.find_digits(ink)
    assert sorted(digit.box.left for digit in found.digits) == [30, 90, 150, 210]  # the largest
    assert [mark.reason for mark in found.left_out] == [pieces.Reason.many] * 2
