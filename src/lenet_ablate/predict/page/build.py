"""From a trained run to the page's bytes: one file with the run's weights that asks no server for anything."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
from typing import Any

from markupsafe import Markup

from lenet_ablate.config.choices import Activation, Model
from lenet_ablate.config.own_code import has_own_network
from lenet_ablate.datasets.fit import bilinear_weights, needs_border
from lenet_ablate.engines.forward import POOLED
from lenet_ablate.engines.networks import layer_shapes, norm_sizes
from lenet_ablate.errors import PageError
from lenet_ablate.predict.page.script import joined_script
from lenet_ablate.predict.predictor import Predictor, margin_of, temperature_of
from lenet_ablate.predict.trained import Trained
from lenet_ablate.rendering.templates import environment, style

PACKAGE = "lenet_ablate.predict.page"
MAX_BYTES = 2_000_000


def build_page(predictor: Predictor) -> bytes:
    """The page of a predictor with a single network.

    Raises:
        PageError: The network has layers that the page does not compute, or too many weights for a page.
    """
    (trained,) = predictor.members
    if has_own_network(trained.config):
        what = "network" if trained.config.model.name is Model.own else "nonlinearity"
        raise PageError(f"{trained.folder}: a page cannot run the code of its {what}; choose a run without such code")
    if norm_sizes(trained.config.model):
        model = trained.config.model.name.value
        raise PageError(
            f"{trained.folder}: the page does not compute the normalisation of {model}; choose a run of lenet5, "
            "lenet5_28 or mlp"
        )
    css = style(PACKAGE).strip()
    page = (
        environment(PACKAGE)
        .get_template("page.html.jinja")
        .render(
            script=Markup(joined_script()),  # nosec B704 # our own files
            css=Markup(css),  # nosec B704
            policy=_policy(joined_script(), css),
            data=Markup(_inert(_describe(predictor))),  # nosec B704 # made inert
            subject=predictor.subject,
        )
    )
    content = page.encode("utf-8", errors="replace")
    if len(content) > MAX_BYTES:
        size, most = f"{len(content) / 1e6:.1f} MB", f"{MAX_BYTES / 1e6:.0f} MB"
        model = trained.config.model.name.value
        raise PageError(f"{trained.folder}: {model} is too large for a page: {size} of at most {most}")
    return content


def _policy(script: str, css: str) -> str:
    """What the page may do: run this script, use these styles, show pictures that it holds itself; nothing else."""
    return (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(css)}'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _describe(predictor: Predictor) -> dict[str, Any]:
    """What the script's `Predictor` is made of, and what the page says of the run."""
    (trained,) = predictor.members
    size, resize = trained.network.image_size, trained.config.data.resize
    has_border = needs_border(predictor.form.size, size, resize)
    return {
        "run": {
            "study": trained.folder.resolve().parent.name,
            "name": trained.folder.resolve().name,
            "data": trained.config.data.name.value,
            "accuracy": trained.accuracy,
            "is_calibrated": predictor.is_calibrated,
        },
        "classes": predictor.classes,
        "subject": predictor.subject,
        "form": dataclasses.asdict(predictor.form),
        "resize": None if has_border else bilinear_weights(predictor.form.size, size).tolist(),
        "temperature": temperature_of(trained.calibration),
        "margin": margin_of(trained.calibration),
        "rejection": _describe_rejection(trained),
        "network": _describe_network(trained),
        "weights": base64.b64encode(_weights(trained)).decode(),
    }


def _describe_rejection(trained: Trained) -> dict[str, Any] | None:
    if trained.calibration is None or trained.calibration.rejection is None:
        return None
    values = dataclasses.asdict(trained.calibration.rejection)
    return {name: value.ravel().tolist() if hasattr(value, "ravel") else value for name, value in values.items()}


def _describe_network(trained: Trained) -> dict[str, Any]:
    config, network = trained.config, trained.network
    assert isinstance(config.activation, Activation)  # see `build_page`
    layers = [
        {"name": layer, "shape": shape, "is_pooled": layer in POOLED[config.model.name]}
        for layer, shape in layer_shapes(config).items()
    ]
    return {
        "model": config.model.name.value,
        "size": network.image_size,
        "mean": network.mean,
        "std": network.std,
        "pool": config.pool.value,
        "activation": config.activation.value,
        "output_activation": config.model.output_activation.value,
        "layers": layers,
    }


def _weights(trained: Trained) -> bytes:
    """Weight and bias of each layer as float32 in little-endian order, one after the other."""
    arrays = [
        trained.network.weights[f"{layer}.{part}"]
        for layer in layer_shapes(trained.config)
        for part in ("weight", "bias")
    ]
    return b"".join(array.astype("<f4").tobytes() for array in arrays)


def _inert(content: dict[str, Any]) -> str:
    """JSON in which nothing can end the element that it stands in."""
    return json.dumps(content, allow_nan=False).replace("<", "\\u003c")
