"""What a study's folder may be called."""

from __future__ import annotations

from lenet_ablate.config.checks import Text

STUDY_NAME = Text(
    r"(?!(report|sweeps)$)(?!(?i:con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$))[A-Za-z0-9_][A-Za-z0-9._-]{0,63}(?<!\.)",
    "1 to 64 of A-Z a-z 0-9 . _ - with no . or - in front and no . behind, and neither 'report' nor 'sweeps' "
    "nor a name that Windows reserves",
)
