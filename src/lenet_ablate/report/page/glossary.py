"""The words of a report that must stay and that not everybody knows, at most fifteen."""

from __future__ import annotations

GLOSSARY = (
    ("pp", "percentage points: 98.4 % is 0.4 pp above 98.0 %."),
    ("seed", "the number that draws split, initial weights and order of images; another one shows what chance does."),
    ("±", "the standard deviation (SD) between seeds."),
    ("95 % interval (CI)", "where the true value lies, but for one time in twenty."),
    ("paired", "compared seed by seed, so that what a seed does to both counts for neither."),
    ("p", "how often chance alone would show such a difference."),
    ("Holm", "a correction: of many comparisons some look large by chance; this asks more of each."),
    ("margin", "the smallest difference that matters here; smaller ones count as practically the same."),
    ("better, same, worse", "how probable it is, after these seeds, that a level is better, or worse, by the margin."),
    ("undecided", "the seeds at hand can show neither a difference nor that there is none."),
    ("fragile", "another test, which assumes something else, does not agree."),
    ("group", "levels with a letter in common are not told apart."),
    ("ω²", "the share of all variation that goes with a setting."),
    ("diverged, collapsed", "the loss became infinite; or the network ended up guessing."),
    ("Wilson", "an interval for a share that was counted, such as 1 of 5."),
)
