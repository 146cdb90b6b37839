"""What is said of a path at which there is nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from lenet_ablate.datasets.npz import load_npz
from lenet_ablate.datasets.own.sources import read_source
from lenet_ablate.errors import LenetAblateError, no_such
from lenet_ablate.predict.pictures import load_picture


@pytest.mark.parametrize("path", ["https:/example.org/a", "/home/me/http:/example.org/a", "s3:/bucket/a"])
def test_an_address_of_the_web_is_called_so(path: str) -> None:
    told = "is an address of the web; download it, and name the file on this machine"
    assert no_such(Path(path), "file") == told


@pytest.mark.parametrize("path", ["a.png", "/tmp/https", "https/a.png", "notes:/a"])
def test_any_other_is_not(path: str) -> None:
    assert no_such(Path(path), "folder") == "there is no such folder"


def test_every_reader_of_files_says_so() -> None:
    for read in (load_npz, load_picture, lambda path: read_source(path, print)):
        with pytest.raises(LenetAblateError, match="address of the web"):
            read(Path("https://example.org/a.zip"))
