"""Templates and style of pages that are one file each."""

from __future__ import annotations

from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined

BASE = "base.css"


def environment(package: str) -> Environment:
    """The templates that lie in a package, by file name; values are escaped, and one that is missing is an error."""
    return Environment(
        loader=PackageLoader(package, ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def style(package: str) -> str:
    """The style sheet of a page: what all pages share, then the `page.css` of its package, which has the last word."""
    base = resources.files("lenet_ablate.rendering").joinpath(BASE).read_text(encoding="utf-8")
    return base + resources.files(package).joinpath("page.css").read_text(encoding="utf-8")
