"""What users of Hydra bring along: callbacks, and environment variables for their jobs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra.experimental.callback import Callback

CALLED: list[str] = []


class Waits(Callback):
    """Waits for jobs and for the end of all."""

    def on_job_end(self, **kwargs: object) -> None:
        CALLED.append("job")

    def on_multirun_end(self, **kwargs: object) -> None:
        CALLED.append("end")


def test_callbacks_are_called_or_told(run: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("data=digits", "epochs=1", f"+hydra.callbacks.mine._target_={__name__}.Waits")
    status, out = run(*words)
    assert status == 0 and CALLED == ["end"]
    assert "warning: callback Waits: hydra/launcher=local does not call on_job_end, hydra/launcher=basic does" in out
    CALLED.clear()
    status, out = run(*words, "hydra/launcher=basic", "seed=1")
    assert status == 0 and CALLED == ["job", "end"] and "warning: callback" not in out


def test_variables_for_the_jobs_are_set(
    run: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LENET_ABLATE_DATA", str(tmp_path / "here"))
    status, _ = run("epochs=1", f"+hydra.job.env_set.LENET_ABLATE_DATA={tmp_path / 'there'}", "data=idx", "plan=true")
    assert os.environ["LENET_ABLATE_DATA"] == str(tmp_path / "there")
    assert status == 1
