"""A sweep's plan as compressed lines of JSON, `sweeps/<hash>.jsonl.gz`: what it is about, then each run.

zcat outputs/ablation/sweeps/*.jsonl.gz | head -2
"""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lenet_ablate.config.plan import identity, run_name
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.errors import RecordError
from lenet_ablate.records.files import parse_json, read_file
from lenet_ablate.records.settings import config_json

SUFFIX = ".jsonl.gz"
LEVEL = 4  # a tenth larger than at 9, and six times as fast
MAX_BYTES = 64 << 20  # compressed
MAX_LINE, MAX_VALUES = 32 << 20, 2_000_000  # of one line, such as that with the levels of every setting
MAX_TEXT = 4 << 30  # of all lines together
NUM_RUNS = "num_runs"


def to_lines(about: Mapping[str, Any], runs: Iterable[tuple[RunConfig, tuple[str, ...]]], num_runs: int) -> bytes:
    """The content of a plan's file.

    Args:
        about: What the sweep is about, without its runs.
        runs: Each run's settings, and the words that stand for it alone.
        num_runs: How many there are.
    """
    packed = io.BytesIO()
    with gzip.GzipFile("", "wb", LEVEL, packed, mtime=0) as file, io.BufferedWriter(file, 1 << 16) as lines:
        lines.write(json.dumps({**about, NUM_RUNS: num_runs}).encode() + b"\n")
        for config, words in runs:
            told = f'"run": "{run_name(config)}", "identity": "{identity(config)}", "overrides": {json.dumps(words)}'
            lines.write(f'{{{told}, "config": {config_json(config)}}}\n'.encode())
    return packed.getvalue()


def from_lines(folder: Path, name: str) -> Iterator[Any]:
    """The plain values of each line of a plan's file: first what it is about, then each run.

    Raises:
        RecordError: While they are asked for: it cannot be read, is cut off, or is too large.
    """
    try:
        lines = _lines(read_file(folder, name, MAX_BYTES))
        about = parse_json(next(lines), MAX_VALUES)
        yield about
        count = 0
        for line in lines:
            yield parse_json(line, MAX_VALUES)
            count += 1
        if not isinstance(about, dict) or about.get(NUM_RUNS) != count:
            raise RecordError("is cut off")
    except StopIteration:
        raise RecordError("is empty") from None


def is_whole(folder: Path, name: str) -> bool:
    """Whether a plan's file is complete; its runs are counted, not read."""
    try:
        lines = _lines(read_file(folder, name, MAX_BYTES))
        about = parse_json(next(lines, b""), MAX_VALUES)
        return isinstance(about, dict) and about.get(NUM_RUNS) == sum(1 for _ in lines)
    except RecordError:
        return False


def _lines(content: bytes) -> Iterator[bytes]:
    left = MAX_TEXT
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file, io.BufferedReader(file, 1 << 18) as lines:
            while line := lines.readline(MAX_LINE + 1):
                left -= len(line)
                if len(line) > MAX_LINE or left < 0:
                    raise RecordError("is larger than any plan")
                yield line
    except (OSError, EOFError, zlib.error) as error:
        raise RecordError(f"is no gzip file, or is damaged ({' '.join(str(error).split())[:100]})") from None
