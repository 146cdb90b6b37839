"""How Sphinx makes a site of the project's Markdown files; scripts/docs calls it.

The source folder is the project's own, so that a link between two files is true in the repository and on the site.
"""

import re
import shutil
import sys
from pathlib import Path

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

from lenet_ablate import __version__

sys.path.insert(0, str(Path(__file__).parent))
from figures import packed_page, with_narrow, write_narrow

project = "lenet-ablate"
version = release = __version__
root_doc = "docs/index"
extensions = ["myst_parser"]
include_patterns = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "docs/*.md", "benchmarks/README.md"]
source_suffix = {".md": "markdown"}
myst_heading_anchors = 4
html_theme = "furo"
html_title = "lenet-ablate"
html_copy_source = html_show_sourcelink = html_show_copyright = False
html_permalinks_icon = "#"
html_static_path = ["_static"]
html_css_files = ["site.css"]
pygments_style, pygments_dark_style = "a11y-high-contrast-light", "a11y-high-contrast-dark"

ACCESS = {
    '<p class="caption" role="heading">': '<p class="caption" role="heading" aria-level="2">',
    '<aside class="sidebar-drawer">': '<aside class="sidebar-drawer" aria-label="All pages">',
    '<aside class="toc-drawer">': '<aside class="toc-drawer" aria-label="On this page">',
    '<div class="table-wrapper': '<div tabindex="0" class="table-wrapper',
    '<div class="highlight"><pre>': '<div class="highlight"><pre tabindex="0">',
}
"""What the theme leaves out: headings have a level, landmarks a name, and what scrolls is reached by keyboard."""


def setup(app: Sphinx) -> None:
    """Let the site's own address lead to its first page, and reports lie where the pages link to them."""
    app.add_lexer("mermaid", TextLexer)
    app.connect("source-read", _link_pages)
    app.connect("build-finished", _finish)


def _link_pages(app: Sphinx, name: str, source: list[str]) -> None:
    """Findings link to packed studies; on the site the page in each can be opened as it is."""
    packed = r"\[((?!\w*_document\.)\w+)\.tar\.xz\]\(results/data/\1\.tar\.xz\)"
    source[0] = re.sub(packed, r'\g<0>, <a href="results/pages/\1.html">opened here</a>', source[0])


def _finish(app: Sphinx, error: Exception | None) -> None:
    if error is not None:
        return
    out, source = Path(app.outdir), Path(app.srcdir)
    shutil.copytree(source / "docs/example", out / "docs/example", dirs_exist_ok=True)
    (out / "docs/results/pages").mkdir(parents=True, exist_ok=True)
    for path in sorted((source / "docs/results/data").glob("*.tar.xz")):
        if text := packed_page(path):
            # The pages of a report's parts are not packed: they would take more room than all else.
            text = re.sub(r'<a href="[\w-]+/index\.html">(.*?)</a>', r"\1", text)
            (out / f"docs/results/pages/{path.name.removesuffix('.tar.xz')}.html").write_text(text, encoding="utf-8")
    narrow = write_narrow(source, app.builder.images, out / app.builder.imagedir)
    (out / "index.html").write_text(
        '<!doctype html><html lang="en"><title>lenet-ablate</title><meta http-equiv="refresh" content="0; '
        'url=docs/index.html"><a href="docs/index.html">lenet-ablate</a></html>\n',
        encoding="utf-8",
    )
    for page in (*out.glob("*.html"), *out.glob("docs/*.html"), *out.glob("benchmarks/*.html")):
        text = page.read_text(encoding="utf-8")
        for old, new in ACCESS.items():
            text = text.replace(old, new)
        page.write_text(with_narrow(text, narrow), encoding="utf-8")
    (out / ".nojekyll").touch()  # GitHub Pages would else leave out folders that begin with an underscore
