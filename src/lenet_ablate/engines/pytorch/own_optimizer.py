"""The user's own optimizers: made by their factory, their memory stored as arrays alone and brought back exactly.

The memory is what `state_dict()` gives: its tensors stand in `optimizer/<where>`, and all the rest, numbers, text,
lists and mappings, in `optimizer/json`, text in UTF-8 that names the tensors in their places. Nothing is ever pickled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from lenet_ablate.config.own_code import CLOSURE, check_optimizer_call, source_of
from lenet_ablate.config.plan import RunPlan, learning_rates
from lenet_ablate.config.signature import parameters_asked
from lenet_ablate.config.source import Source
from lenet_ablate.engines.base import State
from lenet_ablate.engines.own_code import load_factory, naming
from lenet_ablate.engines.pytorch.draws import making
from lenet_ablate.engines.pytorch.optimizers import STORED, Memory, to_numpy
from lenet_ablate.errors import ConfigError

PREFIX = "optimizer/"
JSON = f"{PREFIX}json"
_LIST, _TUPLE, _DICT, _TENSOR = "list", "tuple", "dict", "tensor"
MAX_DEPTH = 20


def make_own_memory(plan: RunPlan, model: torch.nn.Module, device: torch.device) -> OwnMemory:
    """The optimizer of a run at step 0, for all parameters of its network.

    Its factory gets a list of the parameters, `lr=` and `optimizer.args`. Numbers that it draws are drawn from the
    run's seed.

    Args:
        plan: The run, `optimizer=own`.
        model: Its network.
        device: Where it is.

    Raises:
        ConfigError: The code raises something, or makes no optimizer, in one line.
    """
    config = plan.config
    source = source_of(config.optimizer)
    factory = load_factory(source)
    check_optimizer_call(config, source, parameters_asked(factory))
    given = config.optimizer.args.plain() if config.optimizer.args else {}
    with making(config.seed, device, 1), naming(source):
        optimizer = factory(list(model.parameters()), lr=_first_rate(plan), **given)
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise ConfigError(f"{source.title}: returns {type(optimizer).__name__}, not a torch.optim.Optimizer")
    step = parameters_asked(optimizer.step)
    if step.needed:
        raise ConfigError(f"{source.title}: {CLOSURE}")
    return OwnMemory(optimizer, model, source)


def _first_rate(plan: RunPlan) -> float:
    """The first learning rate above 0, which many optimizers refuse; every step sets its own anew."""
    return next((float(rate) for rate in learning_rates(plan, 0, plan.steps_per_epoch) if rate > 0), 1e-3)


class OwnMemory(Memory):
    """See `Memory`.

    Args:
        optimizer: What the code has made.
        model: The network that it trains.
        source: The code.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, model: torch.nn.Module, source: Source) -> None:
        super().__init__(optimizer, model)
        self._source = source
        self._is_checked = False

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """What `state_dict()` gives.

        Raises:
            ConfigError: It has something else than tensors and plain values, in one line.
        """
        with naming(self._source):
            found = self.optimizer.state_dict()
        packer = _Packer(self._source.title, self._names())
        text = json.dumps(packer.pack(dict(found), ()))
        return {JSON: np.frombuffer(text.encode(), dtype=np.uint8).copy(), **packer.arrays}

    def load(self, state: State) -> None:
        """Go on from a memory.

        Raises:
            ConfigError: It does not come back as it was, in one line.
        """
        if JSON not in state:
            return
        with naming(self._source):
            self.optimizer.load_state_dict(self._unpacked(state))
        if not _same(self.state(), state):
            # PyTorch casts what is remembered of a parameter to the parameter's type, whole numbers too.
            remembered = self._unpacked(state).get("state", {})
            for index, parameter in enumerate(self._parameters()):
                if index in remembered:
                    self.optimizer.state[parameter] = remembered[index]
        if not _same(self.state(), state):
            raise ConfigError(f"{self._source.title}: load_state_dict does not bring back what state_dict gave")

    def check(self) -> None:
        """Refuse a memory that cannot be kept, behind the first steps rather than at their end."""
        if not self._is_checked:
            self.state()
            self._is_checked = True

    def _parameters(self) -> list[torch.Tensor]:
        """The parameters in the order by which `state_dict` counts them."""
        return [parameter for group in self.optimizer.param_groups for parameter in group["params"]]

    def _names(self) -> dict[int, str]:
        names = {id(parameter): name for name, parameter in self._model.named_parameters()}
        return {number: names.get(id(each), str(number)) for number, each in enumerate(self._parameters())}

    def _unpacked(self, state: State) -> dict[str, Any]:
        device = next(self._model.parameters()).device
        try:
            unpacked = _unpack(json.loads(state[JSON].tobytes()), state, device)
        except (ValueError, KeyError, TypeError, RecursionError):
            unpacked = None
        if not isinstance(unpacked, dict):
            raise ConfigError(f"{self._source.title}: what was stored of it cannot be read")
        return unpacked


class _Packer:
    """Takes the tensors out of a mapping of plain values.

    Args:
        title: What the code is called in messages.
        names: Of parameters, by the number that `state_dict` gives them.
    """

    def __init__(self, title: str, names: Mapping[int, str]) -> None:
        self._title, self._names = title, names
        self.arrays: dict[str, npt.NDArray[Any]] = {}

    def pack(self, value: Any, path: tuple[Any, ...]) -> Any:
        """The value as JSON has it: containers as a list that says which kind it is first.

        Raises:
            ConfigError: It is none that is stored.
        """
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        if isinstance(value, torch.Tensor) and value.layout is torch.strided and value.dtype in STORED:
            return self._tensor(value, path)
        if type(value) in (list, tuple) and len(path) < MAX_DEPTH:
            kind = _LIST if type(value) is list else _TUPLE
            return [kind, [self.pack(each, (*path, number)) for number, each in enumerate(value)]]
        if type(value) is dict and len(path) < MAX_DEPTH and all(type(key) in (str, int) for key in value):
            return [_DICT, [[key, self.pack(each, (*path, key))] for key, each in value.items()]]
        kind = str(value.dtype) if isinstance(value, torch.Tensor) else type(value).__name__
        raise ConfigError(
            f"{self._title}: its state_dict has a {kind} in {self._where(path)}, which is not stored here: it may have "
            "tensors, numbers, text, and lists and mappings of these"
        )

    def _tensor(self, tensor: torch.Tensor, path: tuple[Any, ...]) -> list[Any]:
        name = PREFIX + self._where(path)
        while name in self.arrays or name == JSON:
            name += "'"
        self.arrays[name] = to_numpy(tensor)
        # Sums depend on the order in memory, which our networks' weights have their own of.
        is_last = not tensor.is_contiguous() and tensor.ndim == 4
        is_last = is_last and tensor.is_contiguous(memory_format=torch.channels_last)
        return [_TENSOR, name, tensor.device.type == "cpu", is_last]

    def _where(self, path: tuple[Any, ...]) -> str:
        is_of_parameter = len(path) > 1 and path[0] == "state"
        named = (path[0], self._names.get(path[1], path[1]), *path[2:]) if is_of_parameter else path
        return "/".join(map(str, named))


def _unpack(packed: Any, arrays: State, device: torch.device) -> Any:
    if not isinstance(packed, list):
        return packed
    kind, content = packed[0], packed[1]
    if kind == _TENSOR:
        array, (on_cpu, is_last) = arrays[content], packed[2:]
        layout = torch.channels_last if is_last else torch.contiguous_format
        found = torch.from_numpy(np.array(array)).to("cpu" if on_cpu else device)
        return found.contiguous(memory_format=layout)
    if kind == _DICT:
        return {key: _unpack(value, arrays, device) for key, value in content}
    values = [_unpack(value, arrays, device) for value in content]
    return values if kind == _LIST else tuple(values)


def _same(one: State, other: State) -> bool:
    return one.keys() == other.keys() and all(
        (array.dtype, array.shape, array.tobytes()) == (other[name].dtype, other[name].shape, other[name].tobytes())
        for name, array in one.items()
    )
