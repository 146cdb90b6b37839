"""A run's bits must not depend on those beside it, and a run that diverges must not harm them."""

from __future__ import annotations

import dataclasses

import numpy as np
from workbench import distance, finish, learner, make_engine, plan, side_by_side, size, slice_of

MOST, EVERY = 36, 4  # each fourth diverges

if __name__ == "__main__":
    engine, run, steps = make_engine(), plan(), size().steps
    batches = slice_of(run, steps)
    alone = learner(engine, run)
    alone.train(batches)
    many = [learner(engine, run) for _ in range(min(MOST, max(2, engine.side_by_side)))]
    wild = dataclasses.replace(batches, learning_rates=np.full(steps, 1e30))
    side_by_side([lambda each=each, i=i: each.train(batches if i % EVERY else wild) for i, each in enumerate(many)])
    errors = {}
    for number, each in enumerate(many):
        is_same = distance(each.weights(), alone.weights()) == 0.0
        if is_same != bool(number % EVERY):
            errors[f"run {number}"] = f"is {'' if is_same else 'not '}the same as alone"
    again = learner(engine, run)  # in memory that held what is not finite
    again.train(batches)
    if distance(again.weights(), alone.weights()) != 0.0:
        errors["again"] = "other bits than at first"
    finish({"runs": len(many), "steps": steps, "errors": errors})
