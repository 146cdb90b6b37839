"""Which logger a sweep asks for; its library is imported only then."""

from __future__ import annotations

import os

from lenet_ablate.config.choices import Logger
from lenet_ablate.errors import ConfigError
from lenet_ablate.loggers.base import SweepLogger, reason
from lenet_ablate.studies.jobs import Sweep

_MLFLOW_DEFAULTS = {
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}


def make_logger(sweep: Sweep) -> SweepLogger | None:
    """The logger that `logger=…` asks for; None where it asks for none.

    Raises:
        ConfigError: Its library is not installed, or does not work on this machine.
    """
    name = sweep.options.logger.value
    try:
        if sweep.options.logger is Logger.tensorboard:
            from lenet_ablate.loggers.tensorboard import TensorBoardLogger

            return TensorBoardLogger()
        if sweep.options.logger is Logger.mlflow:
            # Read when it is imported. What fails is told by the logbook, without a traceback and not after minutes.
            os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
            for key, value in _MLFLOW_DEFAULTS.items():
                os.environ.setdefault(key, value)
            from lenet_ablate.loggers.mlflow import MlflowLogger

            return MlflowLogger(sweep)
    except ImportError as error:
        raise ConfigError(
            f"logger={name}: needs a library that cannot be imported ({error}): pip install {name}"
        ) from None
    except Exception as error:  # MLflow looks for the home folder as it is imported, which may be unknown
        home = "; set HOME to a folder that can be written" if isinstance(error, RuntimeError) else ""
        raise ConfigError(f"logger={name}: its library cannot be used here: {reason(error)}{home}") from error
    return None
