"""Arguments of own code as factors of a report."""

from __future__ import annotations

from lenet_ablate.config.activations import OwnActivation
from lenet_ablate.config.arguments import Arguments
from lenet_ablate.config.choices import Activation, Optimizer
from lenet_ablate.config.settings import OptimizerConfig, RunConfig
from lenet_ablate.report.page.commands import variant_command
from lenet_ablate.report.study.factors import find_factors, fixed_settings


def lion(sha256: str = "a" * 64, **args: object) -> RunConfig:
    own = OptimizerConfig(Optimizer.own, factory="optim.py:Lion", args=Arguments(args) if args else None, sha256=sha256)
    return RunConfig(optimizer=own)


def test_each_argument_of_an_optimizer_is_a_factor() -> None:
    configs = [lion(beta=0.9, decay=0), lion(beta=0.95, decay=0), lion(beta=0.9, decay=0)]
    (factor,) = find_factors(configs)
    assert (factor.key, factor.title, factor.labels) == ("optimizer.args.beta", "beta", ["0.9", "0.95"])
    assert factor.label_of(configs[1]) == "0.95"
    assert fixed_settings(configs[0], [factor])["optimizer"] == "Lion (factory=optim.py:Lion, args={decay:0})"


def test_beside_others_it_has_its_own_name() -> None:
    (factor,) = find_factors([RunConfig(), lion()])
    assert factor.labels == ["adam", "Lion"]
    (factor,) = find_factors([RunConfig(), lion(beta=0.9), lion(beta=0.95)])
    assert factor.labels == ["adam", "Lion beta=0.9", "Lion beta=0.95"]
    (factor,) = find_factors([lion(), lion("b" * 64)])
    assert factor.labels == ["Lion sha256=aaaaaaaa", "Lion sha256=bbbbbbbb"]


def test_the_command_names_the_code_and_not_its_digest() -> None:
    assert variant_command(lion(beta=0.9), [0, 1]) == (
        "lenet-ablate optimizer=own 'optimizer.factory='\"'\"'optim.py:Lion'\"'\"'' optimizer.args.beta=0.9 seed=0,1"
    )


def own(name: str = "Swish", **args: object) -> RunConfig:
    return RunConfig(activation=OwnActivation(f"act.py:{name}", Arguments(args) if args else None, "c" * 64))


def test_own_activations_are_levels_by_their_names() -> None:
    (factor,) = find_factors([own(), RunConfig(), own("mish"), RunConfig(activation=Activation.tanh)])
    assert (factor.key, factor.labels) == ("activation", ["relu", "tanh", "Swish", "mish"])
    (factor,) = find_factors([own(beta=1), own(beta=2)])
    assert (factor.key, factor.labels) == ("activation.args.beta", ["1", "2"])
    assert fixed_settings(own(beta=1), [])["activation"] == "Swish (factory=act.py:Swish, args={beta:1})"
    assert variant_command(own(beta=1), [0]) == (
        "lenet-ablate activation=own 'activation.factory='\"'\"'act.py:Swish'\"'\"'' activation.args.beta=1 seed=0"
    )
