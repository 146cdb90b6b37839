"""What a study asks, as its experiment's file and its command tell it."""

import itertools
import re

from pack import DOCUMENT, Packed
from rows import CONF

QUESTIONS = {
    "published_rate": "Why does the document of `pooling` and `learning_rate` give less than our runs by its protocol: "
    "is it another scale, or a fixed order, of the images?",
    "published_images": "Or was it trained on fewer images than the 60,000 it tells of?",
}


def question(study: Packed) -> str:
    """What the study asks: the first sentence of its experiment's file."""
    if study.name in QUESTIONS:
        return QUESTIONS[study.name]
    return "".join(re.findall(r"[^?]*\?", head(study))[:1])


def source(study: Packed) -> str:
    """What the experiment's file says of the published figures, if it does."""
    return "".join(re.findall(r"The reference[^.]*\.", head(study)))


def head(study: Packed) -> str:
    """The comment that its experiment's file begins with, but the command."""
    name = study.name.removesuffix(DOCUMENT)
    lines = (CONF / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    comment = itertools.takewhile(lambda line: line.startswith("# "), lines)
    return " ".join(line.removeprefix("# ") for line in comment if not line.startswith("# lenet-ablate"))


def shown(command: str) -> str:
    """The command as one would type it."""
    return command.replace(" -m ", " ").replace("'experiment=[", "experiment=").replace("]'", "")
