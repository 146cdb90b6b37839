"""The form for a phone that reports hold of their figures, taken out of them as the site is made; conf.py calls it."""

import base64
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path

SOURCE = re.compile(r'<source media="([^"]+)" srcset="data:image/svg\+xml;base64,([^"]+)">')


def packed_page(archive: Path) -> str:
    """A packed study's report; empty where none is packed with it."""
    name = f"{archive.name.removesuffix('.tar.xz')}/report/index.html"
    with tarfile.open(archive) as packed:
        return packed.extractfile(name).read().decode("utf-8") if name in packed.getnames() else ""


def write_narrow(source: Path, images: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Write the narrow form of each image that has one.

    Args:
        source: The project's folder.
        images: Path of each image in the project, and its file's name on the site.
        folder: Where the site has its images.

    Returns:
        The name on the site of an image with a narrow form, and the media query under which that is shown.
    """
    media = {}
    for path, name in images.items():
        if found := SOURCE.search(_report_of(source / path)):
            media[name] = found[1]
            (folder / _narrow(name)).write_bytes(base64.b64decode(found[2]))
    return media


def with_narrow(text: str, media: Mapping[str, str]) -> str:
    """A page of the site whose images give way to their narrow form on a phone."""

    def picture(found: re.Match[str]) -> str:
        image, folder, name = found[0], found[1], found[2]
        if name not in media:
            return image
        return f'<picture><source media="{media[name]}" srcset="{folder}{_narrow(name)}">{image}</picture>'

    return re.sub(r'<img [^>]*src="((?:\.\./)?_images/)([^"]+)"[^>]*>', picture, text)


def _narrow(name: str) -> str:
    return f"{Path(name).stem}-narrow.svg"


def _report_of(image: Path) -> str:
    """The page of the report that an image is taken from; empty where there is none.

    Of a report's figures only that of the effects has a narrow form.
    """
    packed = image.with_suffix(".tar.xz")
    if packed.is_file():
        return packed_page(packed)
    page = image.with_name("index.html")
    return page.read_text(encoding="utf-8") if image.name == "effects.png" and page.is_file() else ""
