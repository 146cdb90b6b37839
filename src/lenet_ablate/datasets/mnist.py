"""`data=mnist`: the four genuine MNIST files, checked by digest and downloaded where they are missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lenet_ablate.datasets.arrays import Arrays
from lenet_ablate.datasets.download import TIMEOUT_SECONDS, MirrorError, fetch, made_only_if_used
from lenet_ablate.datasets.idx import (
    NAMES,
    TEST_IMAGES,
    TEST_LABELS,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    IdxFile,
    assemble,
    find,
    read_idx,
)
from lenet_ablate.datasets.once import has_digest, one_at_a_time
from lenet_ablate.errors import DataError

# SHA-256 of the unpacked files as LeCun published them; their MD5 are those that torchvision lists.
SHA256 = {
    TRAIN_IMAGES: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    TRAIN_LABELS: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    TEST_IMAGES: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    TEST_LABELS: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


def load_mnist(
    data_dir: Path,
    progress: Callable[[str], None],
    *,
    mirrors: Sequence[str] | None = None,
    digests: Mapping[str, str] = SHA256,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Arrays:
    """MNIST from `<data_dir>/MNIST/raw/`, where torchvision keeps it too; missing files are downloaded first.

    Args:
        data_dir: The data folder; need not exist yet.
        progress: Takes one line per file downloaded; where stderr is a terminal a bar is drawn instead.
        mirrors: Addresses of folders with the compressed files, each ending in a slash; None: torchvision's.
        digests: SHA-256 of the four files' unpacked content by the names in `idx.NAMES`.
        timeout_seconds: Silence after which a mirror is given up.

    Raises:
        DataError: A file is not the genuine one, or is missing and cannot be downloaded or stored.
    """
    folder = data_dir / "MNIST" / "raw"
    missing = {name: digests[name] for name in NAMES if find(folder, name) is None}
    if missing:
        try:
            _download(missing, folder, mirrors, progress, timeout_seconds)
        except MirrorError as error:
            raise DataError(_no_download(folder, list(missing), str(error))) from None
    return assemble(_read_genuine(folder, name, digests[name]) for name in NAMES)


def torchvision_mirrors() -> Sequence[str]:
    """Addresses of folders with the compressed MNIST files, each ending in a slash.

    Raises:
        MirrorError: torchvision cannot be imported.
    """
    try:
        from torchvision.datasets import MNIST
    except (ImportError, OSError, RuntimeError) as error:  # RuntimeError: it does not match the installed torch
        raise MirrorError(f"torchvision, which lists the mirrors, cannot be imported: {error}") from None
    return list(MNIST.mirrors)


def _download(
    missing: Mapping[str, str],
    folder: Path,
    mirrors: Sequence[str] | None,
    progress: Callable[[str], None],
    timeout_seconds: float,
) -> None:
    try:
        with one_at_a_time(folder), made_only_if_used(folder):
            folder.mkdir(parents=True, exist_ok=True)
            known = list(torchvision_mirrors() if mirrors is None else mirrors)
            for name, digest in missing.items():
                if find(folder, name) is not None:  # another process has fetched it meanwhile
                    continue
                good = fetch(name, digest, folder, known, progress, timeout_seconds)
                known.sort(key=lambda mirror: mirror != good)
    except OSError as error:
        raise DataError(
            f"{folder}: MNIST is not complete there and cannot be stored ({error.strerror or error}); "
            "set data_dir=… or LENET_ABLATE_DATA to a folder that can be written, or use data=digits"
        ) from None


def _no_download(folder: Path, missing: Sequence[str], why: str) -> str:
    return (
        f"{folder}: has no {', no '.join(missing)}, and no mirror delivers: {why}\n"
        "  either (1) connect to the network and run again, or (2) copy the four files into that folder or set "
        "LENET_ABLATE_DATA or data_dir=… to the data folder that holds them as MNIST/raw/, "
        "or (3) use data=digits, which needs no network"
    )


def _read_genuine(folder: Path, name: str, digest: str) -> IdxFile:
    path = find(folder, name) or folder / name
    way_out = "delete it so that it is downloaded again, or use data=idx for a data set of your own"
    try:
        file = read_idx(path, name)
    except DataError as error:
        raise DataError(f"{error}; {way_out}") from None
    if not has_digest(path, file.content.data, digest):
        raise DataError(f"{path}: is not MNIST's genuine file (SHA-256 differs); {way_out}")
    return file
