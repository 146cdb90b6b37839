"""What is published of the data sets that `datasets/known.py` reads: files, numbers of images, digests, addresses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lenet_ablate.config.choices import DataSet
from lenet_ablate.config.classes import CLASSES


@dataclass(frozen=True)
class Half:
    """The training or the test images of a data set.

    Attributes:
        images: Name of the file with the images, without .gz.
        labels: Name of the file with their labels, without .gz.
        count: How many images there are.
    """

    images: str
    labels: str
    count: int


@dataclass(frozen=True)
class Archive:
    """A zip in which files of several data sets are published together.

    Attributes:
        url: Its address, which ends in its name.
        md5: Its digest.
        folder: The folder within it that has the files, each compressed with gzip; ends in a slash.
        megabytes: Its size.
    """

    url: str
    md5: str
    folder: str
    megabytes: int

    @property
    def name(self) -> str:
        """Its file's name."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True)
class Known:
    """What is published of a data set.

    Attributes:
        title: What its makers call it.
        folder: Its folder within the data folder, where torchvision keeps it.
        train: Its training images.
        test: Its test images.
        num_classes: How many classes it has.
        is_even: Whether each class has as many images as any other.
        url: Address of the folder with its files; ends in a slash.
        md5: Of each file as it is published there, by its name.
        archive: The zip that has its files, in place of `url` and `md5`.
        first_label: The label of the first class.
        is_transposed: Whether rows and columns of the stored images are swapped.
        side: Height and width of an image in pixels.
    """

    title: str
    folder: str
    train: Half
    test: Half
    num_classes: int
    is_even: bool = False
    url: str = ""
    md5: Mapping[str, str] = field(default_factory=dict)
    archive: Archive | None = None
    first_label: int = 0
    is_transposed: bool = False
    side: int = 28

    @property
    def files(self) -> tuple[str, ...]:
        """The names of its four files, without .gz."""
        return self.train.images, self.train.labels, self.test.images, self.test.labels


def packed_name(file: str) -> str:
    """A file's name as it is published; npz is compressed as it is."""
    return file if file.endswith(".npz") else f"{file}.gz"


# Address and digest as torchvision 0.29 lists them (torchvision/datasets/mnist.py).
_EMNIST_ZIP = Archive(
    "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip", "58c8d27c78d21e728a6bc7b3cc06412e", "gzip/", 562
)


def _emnist(name: DataSet, num_train: int, num_test: int, first_label: int = 0) -> Known:
    """A set of Cohen et al. 2017 by the numbers of images of each class."""
    kind, num_classes = name.value.removeprefix("emnist_"), CLASSES[name]
    train, test = (
        Half(f"emnist-{kind}-{part}-images-idx3-ubyte", f"emnist-{kind}-{part}-labels-idx1-ubyte", count * num_classes)
        for part, count in (("train", num_train), ("test", num_test))
    )
    return Known(
        f"EMNIST {kind}",
        "EMNIST",
        train,
        test,
        num_classes,
        is_even=True,
        archive=_EMNIST_ZIP,
        first_label=first_label,
        is_transposed=True,
    )


FACTS: Mapping[DataSet, Known] = {
    DataSet.emnist_balanced: _emnist(DataSet.emnist_balanced, 2400, 400),
    DataSet.emnist_letters: _emnist(DataSet.emnist_letters, 4800, 800, first_label=1),
    DataSet.emnist_digits: _emnist(DataSet.emnist_digits, 24_000, 4000),
    DataSet.kmnist49: Known(
        "Kuzushiji-49",
        "KMNIST49",
        Half("k49-train-imgs.npz", "k49-train-labels.npz", 232_365),
        Half("k49-test-imgs.npz", "k49-test-labels.npz", 38_547),
        CLASSES[DataSet.kmnist49],
        url="http://codh.rois.ac.jp/kmnist/dataset/k49/",
        # Its makers publish none; these are of the files since February 2019, as several projects list them.
        md5={
            "k49-train-imgs.npz": "7ac088b20481cf51dcd01ceaab89d821",
            "k49-train-labels.npz": "44a8e1b893f81e63ff38d73cad420f7a",
            "k49-test-imgs.npz": "d352e201d846ce6b94f42c990966f374",
            "k49-test-labels.npz": "4da6f7a62e67a832d5eb1bd85c5ee448",
        },
    ),
    DataSet.qmnist: Known(
        "QMNIST",
        "QMNIST",
        Half("qmnist-train-images-idx3-ubyte", "qmnist-train-labels-idx2-int", 60_000),
        Half("qmnist-test-images-idx3-ubyte", "qmnist-test-labels-idx2-int", 60_000),
        CLASSES[DataSet.qmnist],
        url="https://raw.githubusercontent.com/facebookresearch/qmnist/master/",
        md5={  # as torchvision 0.29 lists them
            "qmnist-train-images-idx3-ubyte.gz": "ed72d4157d28c017586c42bc6afe6370",
            "qmnist-train-labels-idx2-int.gz": "0058f8dd561b90ffdd0f734c6a30e5e4",
            "qmnist-test-images-idx3-ubyte.gz": "1394631089c404de565df7b7aeaf9412",
            "qmnist-test-labels-idx2-int.gz": "5b5b05890a5e13444e108efe57b788aa",
        },
    ),
}
