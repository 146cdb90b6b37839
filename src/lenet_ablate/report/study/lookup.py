"""Numbers looked up by a text column, whatever dtype pandas gives to text, and to no text at all."""

from __future__ import annotations

from typing import Any

import pandas as pd


def look_up(keys: pd.Series[Any], numbers: pd.Series[Any]) -> pd.Series[float]:
    """The number that stands at each key, NaN where there is none; always floats, also where there are no keys.

    `keys.map(numbers)` would keep the keys' own dtype where there are none, and text cannot be calculated with.

    Args:
        keys: Any labels.
        numbers: Numbers, or missing, by label; each label once.
    """
    by_key = dict(zip(numbers.index, numbers.to_numpy(dtype=float, na_value=float("nan")), strict=True))
    return pd.Series([by_key.get(key, float("nan")) for key in keys], index=keys.index, dtype=float)
