"""What telephones, scanners and programs for drawing write and is not read here, told from its beginning."""

from __future__ import annotations

from pathlib import Path

SUFFIXES = (".heic", ".heif", ".avif", ".tif", ".tiff")
"""Of those that are pictures: they are not passed over where a folder of pictures is read."""
_BEGINNINGS = {
    "HEIC, a telephone's format": (b"ftyphei", b"ftyphev", b"ftypmif1", b"ftypmsf1"),
    "AVIF": (b"ftypavi",),
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "a PDF": (b"%PDF",),
    "an SVG drawing": (b"<svg",),
}
_BOX = 4  # bytes of a length before `ftyp`


def other_kind(path: Path) -> str | None:
    """What a file is that is no picture in a format that is read, in words; None where it may be one."""
    with path.open("rb") as file:
        head = file.read(16)
    for kind, beginnings in _BEGINNINGS.items():
        if any(head[_BOX if begin.startswith(b"ftyp") else 0 :].startswith(begin) for begin in beginnings):
            return kind
    return None
