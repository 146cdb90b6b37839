"""How well `plan=true` foretells what a sweep takes: ten commands, each foretold and then carried out.

usage: python benchmarks/forecasts.py [--data-dir DIR]     (about 6 minutes on two cores, which nothing else should use)

Prints a JSON object for each command: seconds as foretold (with nothing known of the machine, by a short measurement),
seconds as it took, and the factor between the two; then how many of the factors are at most 1.5. MNIST is read from
DIR, else from where `lenet-ablate` looks for it. Nothing is left behind.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from lenet_ablate.config.home import cache_home
from lenet_ablate.sweep.costs import SPEEDS

FACTOR = 1.5
COMMANDS = (
    "data=digits epochs=5 lr=0.01,0.001 pool=max,avg seed=range(5)",
    "data=digits epochs=200",
    "data=digits epochs=20 engine=torch model=lenet5,mlp",
    "epochs=2 lr=0.01,0.001",
    "epochs=3",
    "epochs=1 activation=relu,tanh,sigmoid,gelu",
    "epochs=1 batch_size=32,64,128",
    "epochs=1 optimizer=sgd,adam pool=avg model=lenet5_28",
    "epochs=1 augment=affine seed=0,1 data.train_size=20000",
    "data=playground/spiral,playground/circle model=mlp model.hidden=[16,16] epochs=50 seed=range(4)",
)
UNITS = {"h": 3600.0, "min": 60.0, "s": 1.0}
_TIME = r"((?:[\d.]+ (?:h|min|s)\b ?)+)"


def seconds_in(text: str) -> float:
    """Seconds behind `3 min 32 s`."""
    return sum(float(number) * UNITS[unit] for number, unit in re.findall(r"([\d.]+) (h|min|s)\b", text))


def measure(command: str, folder: Path, environment: dict[str, str]) -> dict[str, object]:
    """A command, foretold and carried out in an empty folder."""
    words = [sys.executable, "-m", "lenet_ablate", *command.split()]
    found = []
    for more, pattern in ((["plan=true"], f"about {_TIME}\\("), ([], f"trained in {_TIME}")):
        done = subprocess.run([*words, *more], cwd=folder, env=environment, capture_output=True, text=True, check=True)
        told = re.search(pattern, done.stdout)
        assert told, done.stdout + done.stderr
        found.append(seconds_in(told[1]))
    foretold, took = found
    factor = max(foretold / took, took / foretold)
    return {"command": command, "foretold": foretold, "took": took, "factor": round(factor, 2)}


def main() -> None:
    """Measure all commands."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", help="data folder of lenet-ablate")
    asked = parser.parse_args()
    environment = dict(os.environ) | (
        {"LENET_ABLATE_DATA": str(Path(asked.data_dir).resolve())} if asked.data_dir else {}
    )
    factors = []
    for command in COMMANDS:
        with tempfile.TemporaryDirectory() as folder:
            (cache_home() / SPEEDS).unlink(missing_ok=True)  # what is known of this machine's speed
            line = measure(command, Path(folder), environment)
        print(json.dumps(line), flush=True)
        factors.append(float(str(line["factor"])))
    print(json.dumps({"within": FACTOR, "of": len(factors), "are": sum(factor <= FACTOR for factor in factors)}))


if __name__ == "__main__":
    main()
