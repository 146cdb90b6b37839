"""A process that draws figures for the one that started it, until that one is gone; see `figures.drawing`."""

from __future__ import annotations

import os
import pickle  # nosec B403 # from the process that started this one
import sys


def main() -> None:
    """Read the figures, then one key after the other, and answer each with the figure drawn, or with None."""
    from lenet_ablate.rendering.plotting import import_matplotlib

    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no answer
    import_matplotlib()
    from lenet_ablate.report.figures.drawing import draw_image

    pictures, formats = pickle.load(sys.stdin.buffer)  # nosec B301
    _answer(answers, None)
    while True:
        try:
            key = pickle.load(sys.stdin.buffer)  # nosec B301
        except EOFError:
            return
        try:
            image = draw_image(key[1], pictures[key], formats)
        except Exception:  # drawn again where the error can be told
            image = None
        _answer(answers, image)


def _answer(answers: object, content: object) -> None:
    pickle.dump(content, answers, protocol=pickle.HIGHEST_PROTOCOL)  # type: ignore[arg-type]
    answers.flush()  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
