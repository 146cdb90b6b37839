"""How often the report's verdicts are wrong: sweeps are simulated and judged by the report's own functions.

    python benchmarks/verdicts.py                      # 2,000 sweeps a row, writes docs/verdicts.md
    python benchmarks/verdicts.py --sweeps 200 --row looks --stdout

Nothing is trained. A simulated sweep has accuracies on 10,000 test images around 98.5 %, whose SD between seeds is
0.09 percentage points unless a row says otherwise. Exits with 1 where a bound is missed.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from simulated.design import IMAGES, MEAN, SD
from simulated.rows import ROWS

from lenet_ablate.report.analysis import statistics

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "verdicts.md"
SWEEPS = 2000


def count(name: str, sweeps: int) -> int:
    """In how many of so many sweeps the event of a row comes; the same each time."""
    statistics.MAX_EXACT_SEEDS = 4  # of the sign-flip test, which marks verdicts as fragile and changes none
    random = np.random.default_rng([sorted(ROWS).index(name), sweeps])
    return sum(ROWS[name].simulate(random) for _ in range(sweeps))


def table(counts: dict[str, int], sweeps: int) -> str:
    """The table as Markdown."""
    lines = ["| simulated | levels | seeds | counted | in % of sweeps | allowed, % |", "|---|---|---|---|---|---|"]
    for name, hits in counts.items():
        row = ROWS[name]
        low, high = statistics.wilson(hits, sweeps)
        allowed = (
            "as many"
            if row.most == 1
            else f"{100 * row.least:g} to {100 * row.most:g}"
            if row.least
            else f"≤ {100 * row.most:g}"
        )
        mark = "" if row.least <= hits / sweeps <= row.most else " **missed**"
        share = f"{100 * hits / sweeps:.1f} ({100 * low:.1f} to {100 * high:.1f}){mark}"
        lines.append(f"| {row.name} | {row.levels} | {row.seeds} | {row.event} | {share} | {allowed} |")
    return "\n".join(lines) + "\n"


def renewed(page: str, told: str) -> str:
    """The page with the rows of a table in the place of its own of the same name, levels, seeds and event."""
    rows = {tuple(line.split(" | ")[:4]): line for line in told.splitlines()[2:]}
    return "\n".join(rows.get(tuple(line.split(" | ")[:4]), line) for line in page.splitlines()) + "\n"


HEAD = """\
# How often verdicts are wrong

Simulated sweeps, judged by the functions that `lenet-report` uses; nothing is trained. `python benchmarks/verdicts.py`
makes this page: {sweeps:,} sweeps a row, {versions}. Accuracies lie around {mean:g} % on {images:,} test images with an
SD between seeds of {sd:g} percentage points, unless a row says otherwise; α = 5 %, margin 0.10 percentage points. In
brackets: 95 % Wilson interval of the simulated share.

"""


def main() -> int:
    """Simulate, print and write the table; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sweeps", type=int, default=SWEEPS, help="per row (default: %(default)s)")
    parser.add_argument("--row", default="", help="only rows whose name begins with this; the page keeps the others")
    parser.add_argument("--stdout", action="store_true", help="print the table and write nothing")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: %(default)s)")
    found = parser.parse_args()
    names = [name for name in ROWS if name.startswith(found.row)]
    if not names or found.sweeps < 1 or found.jobs < 1:
        parser.error(f"rows are {', '.join(ROWS)}; --sweeps and --jobs at least 1")
    from tqdm import tqdm

    with ProcessPoolExecutor(found.jobs) as pool:
        results = pool.map(count, names, [found.sweeps] * len(names))
        counts = dict(zip(names, tqdm(results, total=len(names), unit="row", disable=None), strict=True))
    told = table(counts, found.sweeps)
    print(told)
    if not found.stdout and found.row:
        PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8"), told), encoding="utf-8")
    elif not found.stdout:
        import scipy

        versions = f"Python {platform.python_version()}, NumPy {np.__version__}, SciPy {scipy.__version__}"
        head = HEAD.format(sweeps=found.sweeps, versions=versions, mean=100 * MEAN, images=IMAGES, sd=100 * SD)
        PAGE.write_text(head + told, encoding="utf-8")
    return int("**missed**" in told)


if __name__ == "__main__":
    sys.exit(main())
