"""Where each figure stands on the page, by its name."""

from __future__ import annotations

from collections.abc import Sequence

FACTOR_FIGURES = (
    "differences_{}",
    "effects_{}",
    "loss_{}",
    "error_{}",
    "val_error_{}",
    "loss_{}_steps",
    "error_{}_steps",
)
FINDINGS, VARIANTS, INTERACTIONS, ERRORS, CHECKS = "findings", "variants", "interactions", "errors", "checks"
NOWHERE = ""
_PLACES = {"boundaries": FINDINGS, "effects": FINDINGS, "confusion": ERRORS, "noise": CHECKS, "time_error": CHECKS}


def of_factor(key: str) -> str:
    """The place of a factor's figures, which no other place is called."""
    return f"factor:{key}"


def section_of(name: str, factors: Sequence[str]) -> str:
    """A factor's key behind `factor:`, or one of the places above; figures of single variants have none.

    Args:
        name: The figure's name.
        factors: Keys of the study's factors.
    """
    for key in factors:
        if name in {form.format(key) for form in FACTOR_FIGURES}:
            return of_factor(key)
    if name in _PLACES:
        return _PLACES[name]
    if name.startswith("heatmap_"):
        return INTERACTIONS
    if name in ("wrong_always", "wrong_sometimes", "right"):
        return ERRORS
    return VARIANTS if name.startswith(("loss_variants", "boundaries_epochs")) else NOWHERE
