"""A run as an object: its record, curves, weights and predictions."""

from __future__ import annotations

import dataclasses
import html
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from lenet_ablate.config.home import expand_home
from lenet_ablate.errors import RecordError
from lenet_ablate.records.read import RunRecord, read_run
from lenet_ablate.records.record import MODEL, State
from lenet_ablate.records.rows import run_row
from lenet_ablate.rendering.escape import one_line
from lenet_ablate.rendering.failures import no_folder

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd
    from matplotlib.axes import Axes

SHOWN = (
    *("status", "val_accuracy", "test_accuracy", "val_loss", "test_loss", "epochs_done", "wall_seconds", "engine"),
    *("device", "tags", "note", "error"),
)


@dataclasses.dataclass(frozen=True)
class Run:
    """One run on disk.

    Attributes:
        record: As it was read: settings (`record.config`), state, epochs, result and provenance.
    """

    record: RunRecord

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """The run in a folder, such as `best_run("outputs")`.

        Raises:
            RecordError: There is no such folder, or it cannot be read as a run.
        """
        path = expand_home(folder)
        if not path.is_dir():
            raise RecordError(f"{path}: {no_folder(path)}")
        record = read_run(path)
        if record.state is State.unreadable:
            raise RecordError(f"{path}: {record.error}")
        return cls(record)

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self.record.folder

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.record.folder.name

    @cached_property
    def row(self) -> dict[str, Any]:
        """Settings, figures and provenance by column, as in `read_runs`."""
        return run_row(self.record)

    @cached_property
    def curves(self) -> pd.DataFrame:
        """One row per epoch, columns as in metrics.csv: losses in nats per image, accuracies 0..1, else NaN."""
        import pandas as pd

        from lenet_ablate.records.record import COLUMNS

        frame = pd.DataFrame([dataclasses.astuple(row) for row in self.record.rows], columns=list(COLUMNS))
        return frame.astype({name: float for name in COLUMNS if name not in ("epoch", "step")}).set_index("epoch")

    @cached_property
    def weights(self) -> dict[str, npt.NDArray[np.float32]]:
        """The weights of the last epoch by layer name, float32, as PyTorch shapes them.

        Raises:
            RecordError: The run is not done.
        """
        from lenet_ablate.engines.stored import read_stored

        self._must_be_done("weights")
        assert self.record.config is not None
        return read_stored(self.folder, MODEL, self.record.config)

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """What the network says of each test image, in the data set's order: digit 0..9 and its probability 0..1.

        Raises:
            RecordError: The run is not done.
        """
        import pandas as pd

        from lenet_ablate.records.arrays import read_predictions

        self._must_be_done("predictions")
        found = read_predictions(self.folder, self.record.result.num_test)
        return pd.DataFrame({"digit": found.digits, "probability": found.probabilities.astype(float)})

    def plot(self) -> npt.NDArray[Any]:
        """Draw losses and accuracies over the epochs; returns the two axes, as pandas does.

        Raises:
            RecordError: No epoch is finished.
        """
        if self.curves.empty:
            raise RecordError(f"{self.folder}: no epoch is finished")
        import matplotlib.pyplot as plt

        figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
        curves = self.curves.rename(columns={"train_loss_running": "train"})
        self._draw(axes[0], curves.rename(columns={"val_loss": "val", "test_loss": "test"}), ("train", "val", "test"))
        axes[0].set(title="loss (nats per image)", xlabel="epoch", yscale="log")
        self._draw(axes[1], curves.rename(columns={"val_accuracy": "val", "test_accuracy": "test"}), ("val", "test"))
        axes[1].set(title="accuracy", xlabel="epoch")
        figure.suptitle(self.name, fontsize="small")
        found: npt.NDArray[Any] = axes
        return found

    @staticmethod
    def _draw(ax: Axes, curves: pd.DataFrame, names: tuple[str, ...]) -> None:
        from matplotlib.ticker import MaxNLocator

        marker = "o" if len(curves) < 20 else ""
        for name in names:
            if name in curves and curves[name].notna().any():
                ax.plot(curves.index, curves[name], marker=marker, markersize=3, label=name)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.legend(frameon=False)

    def _must_be_done(self, what: str) -> None:
        if self.record.state is not State.done:
            raise RecordError(f"{self.folder}: is {self.record.state.value} and has no {what}")

    def __repr__(self) -> str:
        accuracy = self.row["test_accuracy"]
        figure = "" if accuracy is None else f", test accuracy {accuracy:.2%}"
        return f"<Run {self.name}: {self.record.state.value}{figure}>"

    def _repr_html_(self) -> str:
        rows = [(key, self.row[key]) for key in SHOWN if self.row[key] is not None]
        cells = "".join(f"<tr><th>{key}</th><td>{html.escape(_text(value))}</td></tr>" for key, value in rows)
        return f"<p><b>{html.escape(one_line(self.name))}</b></p><table>{cells}</table>"


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else one_line(value)
