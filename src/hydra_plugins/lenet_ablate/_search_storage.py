"""Where Optuna keeps what it knows of a search: a database in the study's folder, or a log where locks do not work."""

from __future__ import annotations

from typing import Any

import optuna

from lenet_ablate.config.choices import Claim
from lenet_ablate.errors import RecordError
from lenet_ablate.studies.jobs import Sweep

DATABASE, JOURNAL = "search.db", "search.log"
WAIT_SECONDS = 60


def open_study(sweep: Sweep, name: str, address: str | None, direction: str) -> Any:
    """Optuna's study of a search, a new one or that of the same search before.

    Args:
        sweep: Tells the folder, and how runs are claimed there.
        name: What the search is called among others of the folder.
        address: Where else it is kept; None: in the folder.
        direction: `maximize` or `minimize`.

    Raises:
        RecordError: It cannot be opened.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    where = address or str(sweep.study / DATABASE)
    try:
        return optuna.create_study(
            storage=_storage(sweep, address), study_name=name, direction=direction, load_if_exists=True
        )
    except Exception as error:  # whatever SQLAlchemy, SQLite and drivers of other databases raise
        why = " ".join(str(error.__cause__ or error).split())
        raise RecordError(f"{where}: Optuna cannot keep its study there: {why}") from error


def _storage(sweep: Sweep, address: str | None) -> Any:
    if address is None and sweep.options.claim is Claim.files:
        journal = optuna.storages.journal
        path = str(sweep.study / JOURNAL)
        return optuna.storages.JournalStorage(
            journal.JournalFileBackend(path, lock_obj=journal.JournalFileSymlinkLock(path))
        )
    waiting = {"connect_args": {"timeout": WAIT_SECONDS}} if address is None else {}
    return optuna.storages.RDBStorage(
        address or f"sqlite:///{(sweep.study / DATABASE).absolute()}", engine_kwargs=waiting
    )
