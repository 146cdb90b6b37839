"""A trained PyTorch module as a file that other tools load: its state dict, or an ONNX graph."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from typing import TypeAlias

import torch
from torch import nn

from lenet_ablate.engines.forward import Network
from lenet_ablate.engines.networks import input_shape
from lenet_ablate.errors import EngineError

Module: TypeAlias = nn.Module
OPSET = 18  # what PyTorch's exporter writes without converting; read by ONNX Runtime from 1.14 on


class _OfPixels(nn.Module):
    """A network with its normalisation in front, so that who loads the graph need not know it."""

    def __init__(self, network: Module, mean: float, std: float) -> None:
        super().__init__()
        self.network, self.mean, self.std = network, mean, std

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network((image - self.mean) / self.std)
        return logits


def state_dict_bytes(network: Module) -> bytes:
    """The weights by layer name as `torch.save` packs them: plain tensors, for `torch.load(…, weights_only=True)`."""
    packed = io.BytesIO()  # in memory, since a file's name would change the bytes
    torch.save(dict(network.state_dict()), packed)
    return packed.getvalue()


def onnx_bytes(network: Module, trained: Network, metadata: Mapping[str, str]) -> bytes:
    """An ONNX model, opset `OPSET`; the same bytes for the same network and versions of the libraries.

    Its input `image` is (N, C, side, side) float32, C = 1 or 3, pixels in 0..1 that are not normalised yet; its output
    `logits` is (N, K) float32. N is free.

    Args:
        network: The trained network in evaluation mode.
        trained: The same as data: the side of its images, and how they are normalised.
        metadata: What the model says of itself.

    Raises:
        ImportError: The packages `onnx` and `onnxscript` are not installed.
        EngineError: They and this version of PyTorch do not go together.
    """
    import onnxscript  # noqa: F401  # else the exporter fails with a traceback of its own

    model = _traced(network, trained).model_proto
    graph = model.graph
    for part in (graph, *graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]  # source lines with the paths of this machine
    del model.metadata_props[:]
    for key, value in metadata.items():
        model.metadata_props.add(key=key, value=value)
    graph.input[0].doc_string = "pixels in 0..1, 0 = background, 1 = ink; normalised inside"
    graph.output[0].doc_string = "of each digit; divide by the temperature in the metadata, if any, before a softmax"
    return bytes(model.SerializeToString(deterministic=True))


def _traced(network: Module, trained: Network) -> torch.onnx.ONNXProgram:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                _OfPixels(network, trained.mean, trained.std).eval(),
                (torch.zeros(2, *input_shape(trained.config)),),
                dynamo=True,
                verbose=False,
                opset_version=OPSET,
                input_names=["image"],
                output_names=["logits"],
                dynamic_shapes={"image": {0: torch.export.Dim("N")}},
            )
    except torch.onnx.OnnxExporterError as error:
        reason = (str(error).splitlines() or [""])[0]
        raise EngineError(f"PyTorch {torch.__version__} cannot export to ONNX: {reason}") from None
    assert isinstance(program, torch.onnx.ONNXProgram)
    return program
