"""Softmax cross-entropy of the logits, its gradient, and what the network says."""

from __future__ import annotations

import numpy as np

from lenet_ablate.engines.compiled.jit import Array, kernel


@kernel
def predict(logits: Array, lane: int, classes: int) -> int:
    """The class with the greatest logit, the first of equals; a NaN counts as the greatest."""
    top = 0
    for k in range(1, classes):
        if not logits[k, lane] <= logits[top, lane] and logits[top, lane] == logits[top, lane]:
            top = k
    return top


@kernel
def cross_entropy(logits: Array, lane: int, classes: int, label: int, top: int) -> tuple[float, float]:
    """-log p[label] in nats and Σ_k exp(z_k - z_top), of one image's logits z (classes or more, lanes); float64."""
    total = 0.0
    largest = logits[top, lane]
    for k in range(classes):
        total += np.exp(logits[k, lane] - largest)
    return np.log(total) - (logits[label, lane] - largest), total


@kernel
def loss_and_gradient(
    logits: Array, classes: int, labels: Array, indices: Array, batch: int, is_rectified: int
) -> float:
    """Sum of the images' losses; logits become (softmax - onehot) / batch, and zero in the spare lanes.

    Where a ReLU has made the logits, those at zero get gradient zero.
    """
    loss = 0.0
    for lane in range(logits.shape[1]):
        if lane >= indices.shape[0]:
            for k in range(classes):
                logits[k, lane] = 0
            continue
        label = labels[indices[lane]]
        top = predict(logits, lane, classes)
        nats, total = cross_entropy(logits, lane, classes, label, top)
        loss += nats
        largest = logits[top, lane]
        for k in range(classes):
            wanted = 1.0 if k == label else 0.0
            passes = not is_rectified or logits[k, lane] != 0
            logits[k, lane] = (np.exp(logits[k, lane] - largest) / total - wanted) / batch if passes else 0.0
    return loss
