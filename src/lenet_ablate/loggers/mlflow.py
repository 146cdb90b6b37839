"""`logger=mlflow`: a parent run per sweep and a child run per run, in `mlflow.db` beside the studies.

Nothing that was logged is ever deleted or logged twice. A child run belongs to a run if it bears its identity and its
folder and its epochs are the first ones of the run's; else the run gets a new child.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import filelock
from mlflow.entities import LifecycleStage, Metric, Param
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from lenet_ablate.config.home import expand_home
from lenet_ablate.config.plan import variant_id
from lenet_ablate.errors import ConfigError
from lenet_ablate.loggers.base import LoggedRun, epoch_ends, reason
from lenet_ablate.records.atomic import write_bytes
from lenet_ablate.records.record import COLUMNS, CONFIG, METRICS, RESULT, EpochRow, State
from lenet_ablate.records.result import EpochFigures, read_result
from lenet_ablate.records.rows import settings_row
from lenet_ablate.studies.jobs import Sweep, SweepResult

DATABASE = "mlflow.db"
ARTIFACTS = "mlflow"
MOST_METRICS = 1000  # that one request may carry
STATUS = {
    State.done: "FINISHED",
    State.diverged: "FINISHED",  # a result; the tag `state` tells it from the others
    State.failed: "FAILED",
    State.interrupted: "KILLED",
}


class MlflowLogger:
    """Logs a sweep into MLflow's store; see `loggers.base.SweepLogger`.

    Args:
        sweep: What is logged.
    """

    name = "mlflow"

    def __init__(self, sweep: Sweep) -> None:
        self.sweep = sweep
        self.lock = threading.RLock()  # SQLite has one writer at a time
        self._parent = ""

    def open(self) -> None:
        """Open or make the store and the study's experiment.

        Raises:
            ConfigError: That does not work.
        """
        output_dir = expand_home(self.sweep.options.output_dir).resolve()
        given = os.environ.get("MLFLOW_TRACKING_URI")
        try:
            if not given:
                _make_database(output_dir / DATABASE)
            self.client = MlflowClient(given or _uri(output_dir / DATABASE))
            self.experiment = self._experiment(None if given else (self.sweep.study.resolve() / ARTIFACTS).as_uri())
        except Exception as error:
            store = "the store that MLFLOW_TRACKING_URI names" if given else output_dir / DATABASE
            raise ConfigError(f"logger=mlflow: {store} cannot be used: {reason(error)}") from error

    def _experiment(self, artifacts: str | None) -> str:
        study = self.sweep.options.study
        found = self.client.get_experiment_by_name(study)
        if found is None:
            try:
                return str(self.client.create_experiment(study, artifact_location=artifacts))
            except MlflowException:  # another sweep may just have made it
                found = self.client.get_experiment_by_name(study)
                if found is None:
                    raise
        if found.lifecycle_stage == LifecycleStage.DELETED:  # in MLflow's page; its name cannot be given to another
            self.client.restore_experiment(found.experiment_id)
            print(f"logger=mlflow: the experiment '{study}' was deleted in MLflow; it is restored", file=sys.stderr)
        return str(found.experiment_id)

    def has(self, run: LoggedRun) -> bool:
        """Whether a child run holds the run's metrics.csv to its end."""
        digest = run.metrics_digest()
        with self.lock:
            return any(child.data.tags.get("metrics_sha256") == digest for child in self.find("identity", run.identity))

    def begin(self, run: LoggedRun) -> MlflowRun:
        """The log of one run."""
        return MlflowRun(self, run)

    def end(self, result: SweepResult) -> None:
        """Say how the sweep ended."""
        status = "KILLED" if result.stop_status else "FAILED" if result.exit_status else "FINISHED"
        with self.lock:
            for parent in self.find("sweep", self.sweep.digest):
                if parent.info.status != status:
                    self.client.set_terminated(parent.info.run_id, status)

    def find(self, tag: str, value: str) -> list[Any]:
        """MLflow's runs of the study with this tag."""
        return list(self.client.search_runs([self.experiment], f"tags.{tag} = '{value}'"))

    def parent(self) -> str:
        """The ID of the sweep's own run, begun where it is not; empty for a sweep of one, which needs none."""
        if not self._parent and len(self.sweep.jobs) > 1:
            found = self.find("sweep", self.sweep.digest)
            if found:
                self._parent = str(found[0].info.run_id)
                self.client.update_run(self._parent, status="RUNNING")
            else:
                self._parent = self._make_parent()
        return self._parent

    def _make_parent(self) -> str:
        tags = {"study": self.sweep.options.study, "sweep": self.sweep.digest, "command": self.sweep.command}
        name = f"sweep of {len(self.sweep.jobs)} runs, {self.sweep.digest[:8]}"
        made = str(self.client.create_run(self.experiment, tags=tags, run_name=name).info.run_id)
        factors = [Param(key, ",".join(levels)) for key, levels in self.sweep.factors.items()]
        self.client.log_batch(made, params=factors)
        return made


class MlflowRun:
    """One run's child run; see `loggers.base.RunLogger`."""

    def __init__(self, logger: MlflowLogger, run: LoggedRun) -> None:
        self._logger, self._run = logger, run
        self._id = ""
        self._num_logged = 0

    def log(self, rows: Sequence[EpochRow]) -> None:
        """Log the metrics of new epochs."""
        with self._logger.lock:
            self._write(rows, epoch_ends(rows, time.time()))

    def end(self, state: State, rows: Sequence[EpochRow]) -> None:
        """Log the rest, a finished run's final figures and files, and how it ended."""
        with self._logger.lock:
            ended = self._run.ended_at() if state.is_finished else time.time()
            self._write(rows, epoch_ends(rows, ended))
            client, done_at = self._logger.client, int(ended * 1000)
            if state.is_finished:
                final = [Metric(name, value, done_at, rows[-1].epoch) for name, value in self._final().items()]
                client.log_batch(self._id, metrics=final)
                for name in (METRICS, RESULT, CONFIG):
                    client.log_artifact(self._id, str(self._run.folder / name))
            client.set_tag(self._id, "state", state.value)
            client.set_terminated(self._id, STATUS[state], done_at)
            if state.is_finished:  # last of all: until then the log is not whole
                client.set_tag(self._id, "metrics_sha256", self._run.metrics_digest())

    def _write(self, rows: Sequence[EpochRow], ends: Sequence[float]) -> None:
        if not self._id:
            self._begin(rows, ends[0] - rows[0].seconds if rows else time.time())
        new = list(zip(rows, ends, strict=True))[self._num_logged :]
        metrics = [
            Metric(name, float(value), int(end * 1000), row.epoch)
            for row, end in new
            for name in COLUMNS
            if (value := getattr(row, name)) is not None and name not in ("epoch", "step")
        ]
        for first in range(0, len(metrics), MOST_METRICS):
            self._logger.client.log_batch(self._id, metrics=metrics[first : first + MOST_METRICS])
        self._num_logged = len(rows)

    def _begin(self, rows: Sequence[EpochRow], started: float) -> None:
        """Continue the child run whose epochs are the first of `rows`, or make a new one."""
        client, run, parent = self._logger.client, self._run, self._logger.parent()
        for child in self._logger.find("identity", run.identity):
            if child.data.tags.get("folder") != str(run.folder.resolve()) or "metrics_sha256" in child.data.tags:
                continue
            history = client.get_metric_history(child.info.run_id, "train_loss_running")
            logged = [repr(metric.value) for metric in sorted(history, key=lambda metric: metric.step)]
            if not self._id and logged == [repr(row.train_loss_running) for row in rows[: len(logged)]]:
                self._id, self._num_logged = str(child.info.run_id), len(logged)
                client.update_run(self._id, status="RUNNING")
            elif child.info.status == "RUNNING":  # it was killed, and the run began anew
                client.set_terminated(child.info.run_id, "KILLED")
        if not self._id:
            tags = {"study": self._logger.sweep.options.study, "folder": str(run.folder.resolve())}
            tags |= {"identity": run.identity, "variant_id": variant_id(run.config)}
            tags |= {"mlflow.parentRunId": parent} if parent else {}
            made = client.create_run(self._logger.experiment, int(started * 1000), tags, run.folder.name)
            self._id = str(made.info.run_id)
        settings = settings_row(run.config).items()
        client.log_batch(self._id, params=[Param(key, str(value)) for key, value in settings if value is not None])

    def _final(self) -> dict[str, float]:
        result = read_result(self._run.folder)
        best = result.best_val or EpochFigures()
        figures = {
            "best_epoch": best.epoch,
            "best_val_accuracy": best.val_accuracy,
            "test_accuracy_at_best_val": best.test_accuracy,
            "num_parameters": result.num_parameters,
            "wall_seconds": result.wall_seconds,
        }
        return {name: float(value) for name, value in figures.items() if value is not None}


def _uri(database: Path) -> str:
    return f"sqlite:///{database.as_posix()}"


def _make_database(path: Path) -> None:
    """Make an empty database where there is none: as a whole, since MLflow never mends one that was left half-made."""
    with filelock.FileLock(path.with_name(f".{path.name}.lock")):
        if not path.exists():
            # Elsewhere first, and copied, since MLflow keeps it open.
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
                made = Path(folder).resolve() / DATABASE
                MlflowClient(_uri(made)).search_experiments(max_results=1)
                write_bytes(path, made.read_bytes())
