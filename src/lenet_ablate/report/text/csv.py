"""Frames as CSV."""

from __future__ import annotations

import pandas as pd

from lenet_ablate.rendering.escape import no_formula


def csv_bytes(frame: pd.DataFrame, missing: str = "") -> bytes:
    r"""The frame as CSV without its index: UTF-8, `\n`, floats in full precision.

    With letters beyond ASCII it begins with a byte order mark, without which spreadsheets take it for something else.
    Text that a spreadsheet would take for a formula gets a leading apostrophe; numbers never do.

    Args:
        frame: What to write.
        missing: Stands for missing values and NaN.
    """
    safe = frame.copy()
    for name in safe:
        if not (pd.api.types.is_numeric_dtype(safe[name]) or pd.api.types.is_bool_dtype(safe[name])):
            safe[name] = pd.Series([no_formula(value) for value in safe[name]], index=safe.index, dtype=object)
    text: str = safe.to_csv(index=False, lineterminator="\n", na_rep=missing)
    return text.encode("utf-8" if text.isascii() else "utf-8-sig", errors="replace")
