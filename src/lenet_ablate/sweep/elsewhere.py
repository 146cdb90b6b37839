"""A sweep that copies of its command train elsewhere: what is finished is skipped, the rest launched and followed."""

from __future__ import annotations

import time
from collections.abc import Callable

from lenet_ablate.datasets.cache import DatasetCache
from lenet_ablate.datasets.load import data_folder
from lenet_ablate.loggers.logbook import Logbook
from lenet_ablate.loggers.select import make_logger
from lenet_ablate.rendering.console import say, warn
from lenet_ablate.studies.finished import plan_of, split_finished, take_back
from lenet_ablate.studies.jobs import Ended, Sweep, SweepResult
from lenet_ablate.sweep.follow import Follower, Launch
from lenet_ablate.sweep.messages import closing, opening
from lenet_ablate.sweep.progress import Progress
from lenet_ablate.sweep.run import write_plan
from lenet_ablate.sweep.signals import Stop, stop_on_signals


def run_elsewhere(sweep: Sweep, start: Callable[[int], Launch | None], retries: int = 0) -> SweepResult | None:
    """Have a sweep trained elsewhere and tell the user how it goes, until all is done or nobody is at it any more.

    Args:
        sweep: What to run.
        start: Starts the copies, given the number of runs to train; None where there is nothing to follow.
        retries: How often a copy tries a failed run again.

    Returns:
        How the sweep ended; None where nothing was started.

    Raises:
        LenetAblateError: The data, the output folder or the scheduler cannot be used; nothing was started.
    """
    started = time.monotonic()
    logger = make_logger(sweep)
    data = DatasetCache(data_folder(sweep.options.data_dir))
    if back := take_back(sweep):
        say(f"{back} of these runs brought back from the archive")
    todo, finished, records = split_finished(sweep, data, keeps_records=logger is not None)
    plans = {job: plan_of(job.config, data) for job in todo}
    say(opening(sweep, len(plans)))
    write_plan(sweep)
    launch = start(len(plans)) if plans else None
    if plans and launch is None:
        return None
    ended: list[Ended] = []
    stop = Stop()
    if launch is not None:
        images = sum(plan.num_train * plan.config.epochs for plan in plans.values())
        with stop_on_signals() as stop, Progress(images, len(plans)) as progress:
            follower = Follower(sweep, plans, data, launch, progress, retries)
            try:
                ended = follower.follow(stop.is_asked)
            finally:
                launch.end(is_done=follower.is_done)
    if logger:
        logger.open()
    logbook = Logbook(logger, warn)
    logbook.add_all(sweep, records, data, stop.is_asked)
    seconds = time.monotonic() - started
    result = SweepResult(len(sweep.jobs), len(finished), tuple(ended), seconds, stop.exit_status)
    logbook.end(result)
    if launch is not None:
        if result.unfinished:
            say(launch.how_to_leave if stop.is_asked() else _abandoned(launch, result.unfinished))
        say(closing(sweep, result))
    return result


def _abandoned(launch: Launch, unfinished: int) -> str:
    runs = "a run is" if unfinished == 1 else f"{unfinished} runs are"
    return (
        f"{launch.name}: its tasks have ended or cannot go on, and {runs} unfinished: they were cancelled, reached a "
        f"limit, or their node is gone; the same command launches the rest; what they said: {launch.where_logs}"
    )
