"""Compile the engine into its cache: `python -m lenet_ablate.engines.compiled.build [float32|float64]`."""

from __future__ import annotations

import sys

from lenet_ablate.engines.compiled.kernels import compile_kernels

if __name__ == "__main__":
    compile_kernels(sys.argv[1] if len(sys.argv) > 1 else "float32")
