"""What `plan=true` shows of one's own data: how they were understood, in words and as a sheet of pictures."""

from __future__ import annotations

from pathlib import Path

from lenet_ablate.config.choices import DataSet
from lenet_ablate.config.home import expand_home
from lenet_ablate.datasets.load import data_folder
from lenet_ablate.datasets.own.describe import describe, draw_sheet
from lenet_ablate.datasets.own.read import read_own
from lenet_ablate.datasets.source_images import source_images
from lenet_ablate.errors import ConfigError
from lenet_ablate.records.atomic import write_bytes
from lenet_ablate.rendering.console import say
from lenet_ablate.studies.jobs import Sweep


def show_data(sweep: Sweep) -> None:
    """Say how each of the user's data sets was understood and, with `sheet=`, draw the first pictures of its classes.

    Raises:
        DataError: The data cannot be read.
        ConfigError: There are several data sets to draw on the sheet, or none with images.
        RecordError: The sheet cannot be written.
    """
    for data in dict.fromkeys(job.config.data for job in sweep.jobs if job.config.data.name is DataSet.file):
        for line in describe(read_own(data)):
            say(line)
    if sweep.options.sheet is not None:
        _draw(sweep, expand_home(sweep.options.sheet))


def _draw(sweep: Sweep, path: Path) -> None:
    configs = {job.config.data.sha256 or (job.config.data.name, job.config.data.path): job for job in sweep.jobs}
    if len(configs) != 1:
        raise ConfigError(f"sheet={path}: shows one data set, but the runs have {len(configs)}")
    data = sweep.jobs[0].config.data
    if data.name.is_playground:
        raise ConfigError(f"sheet={path}: {data.name.value} has points, not images")
    images, labels, names = source_images(data, data_folder(sweep.options.data_dir))
    write_bytes(path, draw_sheet(images, labels, names))
    say(f"{path}: the first training images of each class, a row for each")
