"""matplotlib, made independent of what the user's environment says of windows, styles and folders."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator

from lenet_ablate.errors import LenetAblateError

BACKEND = "MPLBACKEND"


def import_matplotlib() -> None:
    """Import matplotlib before any module does that draws with it; figures are drawn into files, never in windows.

    A backend that the environment names, as Jupyter does for the programs that it starts, may not be installed here;
    matplotlib then refuses to be imported at all.

    Raises:
        LenetAblateError: It cannot be imported, or finds no folder for its list of fonts.
    """
    # What it says of a home that cannot be written and of the fonts that it looks for is about itself.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    backend = os.environ.pop(BACKEND, None)
    try:
        import matplotlib.font_manager  # noqa: F401
    except OSError as error:
        raise LenetAblateError(
            "figures: matplotlib finds no folder that it can write; set MPLCONFIGDIR or TMPDIR to one"
        ) from error
    except (ImportError, ValueError, RuntimeError) as error:
        raise LenetAblateError(f"figures: matplotlib cannot be imported: {' '.join(str(error).split())}") from error
    finally:
        if backend is not None:
            os.environ[BACKEND] = backend


@contextlib.contextmanager
def default_style() -> Iterator[None]:
    """Figures made or saved within look as matplotlib's own defaults say, whatever the user's matplotlibrc says."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        yield
