"""What the engines with a way forward of their own say of a split, against PyTorch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.nn import functional

from engines import test_compiled, test_cuda
from lenet_ablate.config.plan import RunPlan
from lenet_ablate.engines.base import Learner, Split
from lenet_ablate.engines.pytorch.models import build_model
from support.tiny import NUM_IMAGES, NUM_TEST, NUM_VAL, tiny_dataset, tiny_plan

STARTS = {"compiled": test_compiled.start, "cuda": test_cuda.start}


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
def test_evaluation_equals_pytorch(start: Callable[[RunPlan], Learner]) -> None:
    plan = tiny_plan(lr=0.003)
    learner = start(plan)
    learner.train(test_compiled.batches_of(plan, 4))
    data, model = tiny_dataset(), build_model(plan.config, learner.weights())
    with torch.inference_mode():
        logits = model(((torch.from_numpy(data.test_images) / 255 - data.mean) / data.std)[:, None])
    found, labels = learner.evaluate(Split.test), torch.from_numpy(data.test_labels.astype(np.int64))
    assert found.loss == pytest.approx(functional.cross_entropy(logits, labels).item(), rel=1e-5)
    np.testing.assert_array_equal(found.digits, logits.argmax(1).numpy())
    np.testing.assert_allclose(found.probabilities, logits.softmax(1).max(1).values, atol=1e-3)
    np.testing.assert_allclose(found.logits, logits, rtol=1e-4, atol=1e-5)
    assert found.accuracy == float((found.digits == data.test_labels).mean())
    counts = {part: len(learner.evaluate(part).digits) for part in Split}
    assert counts == {Split.train: NUM_IMAGES - NUM_VAL, Split.val: NUM_VAL, Split.test: NUM_TEST}
