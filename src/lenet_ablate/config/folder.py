"""Where the configuration files lie."""

from pathlib import Path

from lenet_ablate.errors import ConfigError


def config_dir() -> Path:
    """The folder `conf/`: in the package in an installed copy, at the top level of a checkout.

    Raises:
        ConfigError: The installation is incomplete.
    """
    package = Path(__file__).resolve().parents[1]
    for candidate in (package / "conf", package.parents[1] / "conf"):
        if (candidate / "config.yaml").is_file():
            return candidate
    raise ConfigError("the folder conf/ is missing; install lenet-ablate again")
