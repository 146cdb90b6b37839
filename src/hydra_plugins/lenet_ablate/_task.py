"""What one job does where a launcher other than `local` starts it, perhaps in another process or on another machine."""

from __future__ import annotations

import shlex
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.lenet_ablate._carried import command_of_sweep
from hydra_plugins.lenet_ablate._interpolations import resolve
from lenet_ablate.config.home import expand_home
from lenet_ablate.config.own_code import named_alone
from lenet_ablate.config.parse import parse_config
from lenet_ablate.config.plan import run_name
from lenet_ablate.datasets.resolve import resolved
from lenet_ablate.errors import LenetAblateError
from lenet_ablate.records.read import read_run
from lenet_ablate.studies.jobs import Job, Sweep


def train_one(settings: DictConfig) -> float | None:
    """Train one run as a sweep of one.

    Returns:
        Accuracy 0..1 on the validation split (on the test split where there is none) after the last epoch, None for
        a diverged run: what a sweeper that searches maximises.

    Raises:
        LenetAblateError: The run failed; its own log has the reason.
    """
    from lenet_ablate.sweep.run import run_sweep

    overrides = tuple(HydraConfig.get().overrides.task) if HydraConfig.initialized() else ()
    config, options = parse_config(_plain(settings))
    config = resolved(named_alone(config, overrides))
    command = command_of_sweep()
    alone = shlex.join(["lenet-ablate", *overrides])
    sweep = Sweep((Job(config, overrides),), options, command or alone, is_planned=command is not None)
    result = run_sweep(sweep, workers=1, is_whole=False)
    if result.stop_status:
        raise SystemExit(result.stop_status)
    if result.exit_status:
        raise LenetAblateError(result.ended[0].error)
    final = read_run(sweep.folder(sweep.jobs[0])).result.final
    return final.test_accuracy if final.val_accuracy is None else final.val_accuracy


def _run_name(*, _root_: DictConfig) -> str:
    config, _ = parse_config(_plain(_root_))
    return run_name(resolved(config))


def _study_dir(*, _root_: DictConfig) -> str:
    return str((expand_home(_root_.output_dir) / str(_root_.study)).resolve())


def _plain(settings: DictConfig) -> dict[str, Any]:
    # Only the settings: Hydra's own node holds values that are known in a job alone.
    keys = [str(key) for key in settings if key != "hydra"]
    return resolve(OmegaConf.masked_copy(settings, keys))


# At import, since a job in another process finds these names by importing this module.
OmegaConf.register_new_resolver("lenet_ablate.run_name", _run_name, replace=True)
OmegaConf.register_new_resolver("lenet_ablate.study_dir", _study_dir, replace=True)
