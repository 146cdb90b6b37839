"""How baycomp answers: `python posteriors.py > posteriors.json`, where baycomp is installed (it need not be here)."""

from __future__ import annotations

import json

import baycomp
import numpy as np

CASES = ((5, 1, 0.001), (10, 2, 0.001), (10, 1, 0.0028), (3, 1, 0.005), (20, 4, 0.0))


def main() -> None:
    random = np.random.default_rng(0)
    found = []
    for n, runs, margin in CASES:
        a, b = np.round(0.98 + random.normal([[0.001], [0.0]], 0.001, (2, n)), 4)
        below, *same, above = baycomp.CorrelatedTTest(b, a, rope=margin, runs=runs).probs()
        found.append(
            {"a": a.tolist(), "b": b.tolist(), "margin": margin, "test_share": runs / n,
             "better": above, "same": same[0] if same else 0.0, "worse": below}
        )  # fmt: skip
    print(json.dumps(found, indent=1))


main()
