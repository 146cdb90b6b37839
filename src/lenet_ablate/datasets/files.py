"""One line for a file or folder that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lenet_ablate.errors import DataError


def reason(error: BaseException, most: int = 160) -> str:
    """What a library says of a file, in one line of at most so many characters; may be empty."""
    return " ".join(str(error).split())[:most]


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns what the operating system answers (no permission, a broken disk, …) into a sentence about `path`.

    Raises:
        DataError: The block raised an OSError.
    """
    try:
        yield
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
