"""What names of files and arrays say: for which split, images or labels, of which of several data sets."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lenet_ablate.datasets.own.content import Part

_PARTS = {
    Part.train: {"train", "training", "tr", "trn"},
    Part.test: {"test", "testing", "t10k", "te", "tst", "eval", "evaluation"},
    Part.val: {"val", "valid", "validation", "dev"},
}
_IMAGES = {"x", "image", "images", "img", "imgs", "data", "pixels", "pixel", "features", "inputs", "digits", "samples"}
_LABELS = {"y", "label", "labels", "lbl", "lbls", "target", "targets", "class", "classes", "lab"}
_NOISE = {"idx1", "idx2", "idx3", "idx4", "ubyte", "int", "gz", "xz", "bz2", "npy", "npz", "idx", "raw"} | {
    *("float", "double", "short", "byte", "sbyte", "uint8", "float32", "bin", "dat"),
}
LABEL_COLUMNS = _LABELS | {"digit", "category", "emotion", "labelid", "classid", "id_class"}
FILE_COLUMNS = {
    "file",
    "filename",
    "file_name",
    "filepath",
    "path",
    "image",
    "img",
    "image_path",
    "image_id",
    "image_name",
}
PART_COLUMNS = {"split", "usage", "set", "subset", "partition", "fold"}


@dataclass(frozen=True)
class Name:
    """What a name says.

    Attributes:
        part: The split, `whole` where none is named.
        is_images: Whether it is of images; None where it does not say.
        family: What remains: tells several data sets in one folder apart.
    """

    part: Part
    is_images: bool | None
    family: str


def read_name(name: str) -> Name:
    """What a file's or array's name says, such as `emnist-digits-train-images-idx3-ubyte.gz` or `X_train`."""
    words = [word for word in re.split(r"[^a-z0-9]+", _apart(name).lower()) if word]
    part = next((part for part, known in _PARTS.items() if any(word in known for word in words)), Part.whole)
    # `data` may be a folder above `labels`: labels are named as nothing else.
    role = False if any(word in _LABELS for word in words) else True if any(word in _IMAGES for word in words) else None
    spoken = _NOISE.union(_IMAGES, _LABELS, *_PARTS.values())
    family = "-".join(word for word in words if word not in spoken)
    return Name(part, role, family)


def part_of(word: str) -> Part:
    """The split that a single word names, such as a folder's name; `whole` where it names none.

    Short forms are not taken: `te` and `tr` may be classes.
    """
    plain = word.strip().lower()
    return next((part for part, known in _PARTS.items() if len(plain) > 2 and plain in known), Part.whole)


def _apart(name: str) -> str:
    """`xTrain`, `trainX`, `Xtrain` and `Ytest` with a space between their words."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return re.sub(r"(?i)(?<![a-z])([xy])(?=(train|test|val))|(?<=train|.test)(?=[xy](?![a-z]))", r"\1 ", spaced)
