"""What the launchers made here have in common: they take a whole sweep, which `hydra/sweeper=ablation` hands them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, ListConfig, OmegaConf

if TYPE_CHECKING:
    from lenet_ablate.studies.jobs import Sweep, SweepResult

T = TypeVar("T")


class SweepLauncher(Launcher):
    """Trains a whole sweep.

    Attributes:
        name: Its choice of `hydra/launcher`.
        workers: Runs side by side, for a forecast; None: as many as this machine would have.
    """

    name: ClassVar[str]
    workers: int | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Nothing to keep: the sweeper hands over everything."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Refused: such a launcher needs the plan that only `hydra/sweeper=ablation` makes."""
        raise SystemExit(f"hydra/launcher={self.name} works with hydra/sweeper=ablation; for other sweepers use basic")

    @abstractmethod
    def train(self, sweep: Sweep) -> SweepResult | None:
        """Train a sweep and tell the user; None where it was only prepared."""


def parsed(parse: Callable[[Mapping[str, Any]], T], settings: Mapping[str, Any]) -> T:
    """What a launcher's settings say; ends the process with a line for each that is not legal."""
    from lenet_ablate.errors import ConfigError

    plain = {key: OmegaConf.to_container(v) if isinstance(v, ListConfig) else v for key, v in settings.items()}
    try:
        return parse(plain)
    except ConfigError as error:
        raise SystemExit(str(error)) from None
