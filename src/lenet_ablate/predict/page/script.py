"""The page's script: its modules joined to one, so that the page is a single file and a browser asks for no other."""

from __future__ import annotations

import functools
import graphlib
import re
from importlib import resources

_IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+)\.mjs";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(async )?function|const)", re.MULTILINE)


@functools.cache
def joined_script() -> str:
    """All modules of the page, each behind those that it imports from; no two of them name anything alike."""
    folder = resources.files("lenet_ablate.predict.page")
    modules = {
        file.name.removesuffix(".mjs"): file.read_text(encoding="utf-8")
        for file in sorted(folder.iterdir(), key=lambda file: file.name)
        if file.name.endswith(".mjs")
    }
    order = graphlib.TopologicalSorter({name: _IMPORT.findall(text) for name, text in modules.items()})
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", modules[name])).strip() + "\n" for name in order.static_order())
