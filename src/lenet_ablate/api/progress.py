"""Progress as a notebook shows it: a bar of its own kind, and a line only for what went wrong."""

from __future__ import annotations

import sys
import warnings
from typing import Any

from lenet_ablate.records.record import State
from lenet_ablate.sweep.progress import Progress


def is_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    shell = sys.modules.get("IPython")
    active = shell.get_ipython() if shell is not None else None
    return active is not None and "IPKernelApp" in active.config


class NotebookProgress(Progress):
    """Shown beneath a cell; see `sweep.progress.Progress`."""

    def __init__(self, num_images: int, num_runs: int) -> None:
        super().__init__(num_images, num_runs, _bar())

    def end_run(self, state: State, line: str) -> None:
        """A run ended; the frame that is returned tells of those that are done."""
        super().end_run(state, "" if state is State.done else line)


def _bar() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # without ipywidgets the bar is drawn with letters, and that is all
        from tqdm.auto import tqdm
    return tqdm
