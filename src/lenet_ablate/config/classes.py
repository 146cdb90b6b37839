"""The classes of data sets: how many some have, and what is wrong with settings that say so."""

from __future__ import annotations

from lenet_ablate.config.choices import DataSet
from lenet_ablate.config.settings import DataConfig

CLASSES = {
    DataSet.emnist_balanced: 47,
    DataSet.emnist_letters: 26,
    DataSet.emnist_digits: 10,
    DataSet.kmnist49: 49,
    DataSet.qmnist: 10,
}
"""How many classes these have; what they are called may be chosen."""
NUM_CLASSES = 10
"""Of the digits, and of every data set that says nothing else."""


def class_checks(data: DataConfig) -> list[str]:
    """What is wrong with number and names of the classes, a sentence each; empty if nothing is."""
    name, count, problems = data.name.value, CLASSES.get(data.name), []
    told = data.num_classes if data.num_classes is not None or count != NUM_CLASSES else NUM_CLASSES
    if count is not None and told != count:
        problems.append(f"data.num_classes={'null' if told is None else told}: {name} has {count}")
    if data.classes is None:
        return problems
    shown = f"data.classes=[{','.join(data.classes)}]"
    if count is None and data.name is not DataSet.file:
        having = ", ".join(choice.value for choice in CLASSES)
        return [*problems, f"{shown}: is a setting of data=file, {having}, not of {name}"]
    if len(set(data.classes)) < max(len(data.classes), 2):
        return [*problems, f"{shown}: must name at least two classes, and each once"]
    if count is not None and len(data.classes) != count:
        problems.append(f"{shown}: names {len(data.classes)} classes, but {name} has {count}")
    return problems
