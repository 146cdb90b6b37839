"""The compiled engine behind the engine protocol: the CPU, one thread per learner, the data set shared as it is."""

from __future__ import annotations

from lenet_ablate.config.plan import RunPlan
from lenet_ablate.datasets.base import Dataset
from lenet_ablate.datasets.splits import Indices
from lenet_ablate.engines.compiled.kernels import load_kernels
from lenet_ablate.engines.compiled.learner import CompiledLearner
from lenet_ablate.records.cores import num_usable_cores


class CompiledEngine:
    """LeNet-5 as machine code; compiles it, once for each machine, when constructed."""

    name = "compiled"
    device = "cpu"
    card = ""
    threads = 1

    def __init__(self) -> None:
        self.side_by_side = num_usable_cores()
        self._kernels = load_kernels()

    def learner(self, plan: RunPlan, dataset: Dataset, train: Indices, val: Indices) -> CompiledLearner:
        """A learner at step 0."""
        return CompiledLearner(self._kernels, plan, dataset, train, val)
