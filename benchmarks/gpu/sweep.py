"""The grid of 108 runs from the command line: end to end, and first of one epoch, what of it is not the card's."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from workbench import command, data_words, finish, size

MOST_SECONDS = 200.0
"""Of the longer sweep, so that what it did until then is told."""


def done(study: Path) -> dict[str, Any]:
    """What stands in a study's folders."""
    results = [json.loads(path.read_text(encoding="utf-8")) for path in study.glob("*/result.json")]
    epochs = sum(len(path.read_text(encoding="utf-8").splitlines()) - 1 for path in study.glob("*/metrics.csv"))
    best = max((result["final"]["test_accuracy"] or 0.0 for result in results), default=None)
    return {"runs": len(results), "epochs": epochs, "best test accuracy": best}


if __name__ == "__main__":
    found, errors = dict[str, Any](), dict[str, str]()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        words = [*size().grid, *data_words(folder)]
        for epochs in size().epochs:
            key, started = f"{epochs} epochs", time.perf_counter()
            try:
                words_of = command([*words, f"epochs={epochs}"], folder, f"e{epochs}")
                subprocess.run(words_of, check=True, stdout=sys.stderr, timeout=MOST_SECONDS)
            except subprocess.SubprocessError as error:
                errors[key] = f"{type(error).__name__}: {str(error)[-100:]}"
            found[key] = {"seconds": round(time.perf_counter() - started, 1), **done(folder / f"e{epochs}")}
    finish({**found, "errors": errors})
