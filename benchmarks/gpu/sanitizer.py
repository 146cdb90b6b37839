"""Compute Sanitizer on a few steps: memory that is not its own, races in shared memory, barriers that some miss."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from typing import Any

from workbench import finish

TOOL = "compute-sanitizer"
TOOLS = ("memcheck", "racecheck", "synccheck", "initcheck")
FEW = "--few-steps"
MOST_SECONDS = 110.0
PLACES = ("/usr/local/cuda/bin", "/opt/cuda/bin")  # where a toolkit is that is not on the path


def look() -> dict[str, Any]:
    """What each tool says."""
    tool = shutil.which(TOOL) or next(filter(None, (shutil.which(TOOL, path=place) for place in PLACES)), None)
    if tool is None:
        return {"found": "not installed"}
    found, errors, ends = dict[str, Any](), dict[str, str](), time.monotonic() + MOST_SECONDS
    for which in TOOLS:
        words = [tool, "--tool", which, "--error-exitcode", "7", sys.executable, __file__, "rehearse", FEW]
        started = time.monotonic()
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=max(1.0, ends - time.monotonic()))
        except subprocess.TimeoutExpired:
            errors[which] = "no time left"
            continue
        if done.returncode:
            errors[which] = f"ended with {done.returncode}: {(done.stdout + done.stderr)[-300:]}"
        else:
            found[which] = f"nothing found, {time.monotonic() - started:.0f} s"
    return {**found, "errors": errors}


def few_steps() -> None:
    """What it looks at: training with a partial chunk, judging, a state."""
    from workbench import learner, make_engine, plan, slice_of

    from lenet_ablate.engines.base import Split

    run = plan(batch_size=20)
    looked = learner(make_engine(), run)
    looked.train(slice_of(run, 2))
    looked.evaluate(Split.val)
    looked.state()


if __name__ == "__main__":
    if FEW in sys.argv[1:]:
        few_steps()
    else:
        finish(look())
