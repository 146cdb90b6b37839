"""What is shown of a few runs that are one step of something longer: trouble alone."""

from __future__ import annotations

from lenet_ablate.records.record import State
from lenet_ablate.rendering.console import say
from lenet_ablate.sweep.progress import Progress


class QuietProgress(Progress):
    """A bar where there is a terminal, and a line for runs that failed; how the others ended is told elsewhere."""

    def end_run(self, state: State, line: str) -> None:
        """A run ended."""
        super().end_run(state, "")


def warnings_alone(line: str) -> None:
    """Print a line if it begins with a warning."""
    if line.startswith("warning"):
        say(line)
