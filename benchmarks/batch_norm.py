"""How exact and how fast `cnn4` is on the CPU with our batch normalisation, beside PyTorch's own layer.

    python benchmarks/batch_norm.py

Errors: of the gradients of a first step in float32 against float64, as a part of the largest of each parameter, for a
smooth network (tanh, average pooling; with others a rounding moves a maximum or a sign now and then). Speed: steps with
Adam on one thread, in alternating rounds.
"""

from __future__ import annotations

import statistics
import time

import torch
from torch import nn
from torch.nn import functional

from lenet_ablate.config.choices import Activation, Model, Pool
from lenet_ablate.config.settings import ModelConfig, RunConfig
from lenet_ablate.engines.pytorch.models import build_model
from lenet_ablate.engines.weights import draw_weights

BATCH, SEEDS, ROUNDS, STEPS = 64, 5, 14, 8
CNN4 = ModelConfig(name=Model.cnn4, c5=None)
WAYS = {
    "PyTorch's layer, channels last": (True, torch.channels_last),
    "PyTorch's layer, contiguous": (True, torch.contiguous_format),
    "ours, channels last": (False, torch.channels_last),
}


def network(config: RunConfig, is_plain: bool, layout: torch.memory_format) -> nn.Module:
    """The network in training, with PyTorch's own layers or with ours."""
    model: nn.Module = build_model(config, draw_weights(config))
    for name, norm in list(model.named_children()) if is_plain else ():
        if isinstance(norm, nn.BatchNorm2d):
            plain = nn.BatchNorm2d(norm.num_features)
            plain.load_state_dict(norm.state_dict())
            setattr(model, name, plain)
    return model.to(memory_format=layout).train()


def error(is_plain: bool, layout: torch.memory_format, seed: int) -> float:
    """The largest error of a gradient; those of biases before a normalisation are zero but for rounding."""
    config = RunConfig(model=CNN4, pool=Pool.avg, activation=Activation.tanh)
    random = torch.Generator().manual_seed(seed)
    images = torch.randn(BATCH, 1, 28, 28, generator=random)
    labels = torch.randint(0, 10, (BATCH,), generator=random)
    found, exact = network(config, is_plain, layout), network(config, True, torch.contiguous_format).double()
    functional.cross_entropy(found(images), labels).backward()
    functional.cross_entropy(exact(images.double()), labels).backward()
    pairs = zip(found.named_parameters(), exact.parameters(), strict=True)
    return max(
        float((one.grad.double() - other.grad).abs().max() / other.grad.abs().max())
        for (name, one), other in pairs
        if one.grad is not None and other.grad is not None and not (name.startswith("c") and name.endswith("bias"))
    )


def main() -> None:
    torch.set_num_threads(1)
    images, labels = torch.randn(BATCH, 1, 28, 28), torch.randint(0, 10, (BATCH,))
    models = {name: network(RunConfig(model=CNN4), *way) for name, way in WAYS.items()}
    optimizers = {name: torch.optim.Adam(model.parameters()) for name, model in models.items()}
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(ROUNDS):
        for name, model in models.items():
            started = time.perf_counter()
            for _ in range(STEPS):
                optimizers[name].zero_grad()
                functional.cross_entropy(model(images), labels).backward()
                optimizers[name].step()
            seconds[name].append(time.perf_counter() - started)
    medians = {name: statistics.median(each[2:]) for name, each in seconds.items()}
    first = next(iter(medians.values()))
    for name, way in WAYS.items():
        errors = [error(*way, seed) for seed in range(SEEDS)]
        print(f"{name:32} errors {min(errors):.1e} to {max(errors):.1e}  speed {first / medians[name]:.2f}")


if __name__ == "__main__":
    main()
