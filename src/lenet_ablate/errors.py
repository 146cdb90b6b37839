"""What can go wrong and is explained to the user in one or two lines.

LenetAblateError
├── ConfigError    a setting is unknown, of the wrong type or out of range
├── DataError      a data set is missing, damaged or of the wrong shape
├── RecordError    a run folder could not be read or written
├── EngineError    an engine cannot work on this machine
├── RunError       a run was ended from outside: it took too long, or its process was lost
├── LaunchError    a scheduler could not be asked to run anything, or refused
├── PictureError   a picture cannot be read
└── PageError      a page cannot be made of a run

Every message names what was wrong, what is allowed and, where it can be guessed, what was meant.
A diverged or interrupted run is a result, not an error: see `records.record.State`.
"""

import re
from pathlib import Path

_WEB = re.compile(r"(?:^|/)(?:https?|ftp|s3|gs):/")


class LenetAblateError(Exception):
    """Base of every error whose text is meant for the user; shown without a traceback."""


class ConfigError(LenetAblateError):
    """A setting is unknown, of the wrong type or out of range."""


class DataError(LenetAblateError):
    """A data set is missing, damaged or of the wrong shape."""


class RecordError(LenetAblateError):
    """A run folder could not be read or written."""


class EngineError(LenetAblateError):
    """An engine cannot work on this machine."""


class RunError(LenetAblateError):
    """A run was ended from outside: it took too long, or its process was lost."""


class PictureError(LenetAblateError):
    """A picture cannot be read."""


class PageError(LenetAblateError):
    """A page cannot be made of a run."""


class LaunchError(LenetAblateError):
    """A scheduler could not be asked to run anything, or refused."""


def no_such(path: Path, what: str) -> str:
    """What to say of a path at which there is nothing: `there is no such file`, or that it is an address of the web.

    Args:
        path: The path; as such an address has lost a slash: `https:/example.org/digits.zip`.
        what: What should be there.
    """
    if _WEB.search(path.as_posix()):
        return f"is an address of the web; download it, and name the {what} on this machine"
    return f"there is no such {what}"
