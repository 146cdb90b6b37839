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
