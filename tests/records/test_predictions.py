"""predictions.npz: NumPy reads it as it did, and the optimizer's memory lies in it without being in the way."""

from __future__ import annotations

import contextlib
import zipfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from lenet_ablate.errors import RecordError
from lenet_ablate.records.arrays import has_memory, pack_predictions, read_memory, read_predictions
from lenet_ablate.records.record import OPTIMIZER, PREDICTIONS, Predictions

SAID = Predictions(np.arange(10, dtype=np.uint8), np.linspace(0, 1, 10).astype(np.float16))
MEMORY = {"exp_avg/c1.bias": np.arange(6, dtype=np.float32)}
PACKED = safetensors.numpy.save(MEMORY)


def test_what_is_packed_is_read_again(tmp_path: Path) -> None:
    (tmp_path / PREDICTIONS).write_bytes(pack_predictions(SAID, PACKED))
    assert pack_predictions(SAID, PACKED) == pack_predictions(SAID, PACKED)
    for read in (read_predictions(tmp_path), Predictions(**dict(list(np.load(tmp_path / PREDICTIONS).items())[:2]))):
        np.testing.assert_array_equal(read.digits, SAID.digits)
        np.testing.assert_array_equal(read.probabilities, SAID.probabilities)
    memory = read_memory(tmp_path, 10_000)
    assert has_memory(tmp_path) and memory.keys() == MEMORY.keys()
    np.testing.assert_array_equal(memory["exp_avg/c1.bias"], MEMORY["exp_avg/c1.bias"])


def test_without_a_memory_there_is_none(tmp_path: Path) -> None:
    (tmp_path / PREDICTIONS).write_bytes(pack_predictions(SAID))
    assert not has_memory(tmp_path) and len(read_predictions(tmp_path).digits) == 10
    with pytest.raises(RecordError, match="is damaged"):
        read_memory(tmp_path, 10_000)


@pytest.mark.parametrize("most", [0, len(PACKED) - 1])
def test_a_memory_larger_than_any_is_refused(tmp_path: Path, most: int) -> None:
    (tmp_path / PREDICTIONS).write_bytes(pack_predictions(SAID, PACKED))
    with pytest.raises(RecordError, match="packed in another way"):
        read_memory(tmp_path, most)


@pytest.mark.parametrize("kind", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_a_memory_that_would_grow_is_refused(tmp_path: Path, kind: int) -> None:
    (tmp_path / PREDICTIONS).write_bytes(pack_predictions(SAID))
    with zipfile.ZipFile(tmp_path / PREDICTIONS, "a") as file:
        file.writestr(OPTIMIZER, PACKED, kind)
    with pytest.raises(RecordError, match="packed in another way"):
        read_memory(tmp_path, 10_000)


@pytest.mark.parametrize("count", [2, 3000])
def test_more_entries_than_there_can_be_are_refused(tmp_path: Path, count: int) -> None:
    with zipfile.ZipFile(tmp_path / PREDICTIONS, "w") as file:
        file.writestr("digits.npy", b"")
        file.writestr("probabilities.npy", b"")
        for number in range(count):
            file.writestr(f"{number}", b"")
    for read in (read_predictions, lambda folder: read_memory(folder, 10_000)):
        with pytest.raises(RecordError, match="holds other arrays"):
            read(tmp_path)


def test_every_harmed_byte_is_an_error_or_harmless(tmp_path: Path) -> None:
    whole = pack_predictions(SAID, PACKED)
    for place in range(0, len(whole), 5):
        harmed = bytearray(whole)
        harmed[place] ^= 4
        (tmp_path / PREDICTIONS).write_bytes(harmed)
        for read in (read_predictions, lambda folder: read_memory(folder, 10_000)):
            with contextlib.suppress(RecordError):
                read(tmp_path)
