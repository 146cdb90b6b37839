"""Figures drawn side by side are the same as those drawn here, and a helper that is lost costs none of them."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from lenet_ablate.report.figures import drawing, processes
from lenet_ablate.report.figures.drawing import draw_all, draw_image
from lenet_ablate.report.figures.image import Image
from lenet_ablate.report.figures.picture import Draw
from support.figure_studies import picture

UNGUARDED = """
from functools import partial
from lenet_ablate.report.figures import drawing, processes
from support.figure_studies import picture

print("begun", flush=True)
processes.FIGURES_PER_HELPER, processes.num_usable_cores = 1, lambda: 2
drawing._next = lambda work: work.done.get(timeout=100)
pictures = {("s", f"n{number}"): partial(picture, float(number)) for number in range(2)}
with processes.started(2) as beside:
    print(len(drawing.draw_all(pictures, ("svg",), helpers=beside)), "drawn")
"""


def ends_a_helper(pid: int, name: str, draw: Draw, formats: tuple[str, ...]) -> Image:
    """Draws in the process of the tests alone."""
    if os.getpid() != pid:
        os._exit(1)
    return draw_image(name, draw, formats)


def pictures(count: int = 4) -> dict[tuple[str, str], Draw]:
    return {("s", f"n{number}"): partial(picture, float(number)) for number in range(count)}


@pytest.fixture
def two_helpers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "FIGURES_PER_HELPER", 1)
    monkeypatch.setattr(processes, "num_usable_cores", lambda: 3)


def draw_beside() -> dict[tuple[str, str], Image]:
    with processes.started(4) as beside:
        return draw_all(pictures(), ("svg",), helpers=beside)


@pytest.mark.usefixtures("two_helpers")
def test_helpers_draw_the_same_bytes_in_the_same_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Also where the working folder holds what looks like a module of the standard library."""
    (tmp_path / "random.py").write_text("raise SystemExit('not the library')")
    monkeypatch.chdir(tmp_path)
    alone = {key: draw_image(key[1], draw, ("svg",)) for key, draw in pictures().items()}
    # Nothing is drawn here, so that all of it is the helpers' work.
    monkeypatch.setattr(drawing, "_next", lambda work: work.done.get(timeout=100))
    together = draw_beside()
    assert together == alone and list(together) == list(pictures())
    assert [image.title for image in together.values()] == [f"title {number}.0" for number in range(4)]


def test_a_script_without_a_guard_is_not_started_anew_by_a_helper(tmp_path: Path) -> None:
    """Python's own pools would run it in each process."""
    (tmp_path / "script.py").write_text(UNGUARDED)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "script.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("begun\n2 drawn\n", "")


@pytest.mark.usefixtures("two_helpers")
@pytest.mark.parametrize("lost", ["no semaphores", "no process", "at the start", "at a figure"])
def test_a_helper_that_is_lost_costs_no_figure(monkeypatch: pytest.MonkeyPatch, lost: str) -> None:
    alone = {key: draw_image(key[1], draw, ("svg",)) for key, draw in pictures().items()}
    if lost == "no semaphores":
        monkeypatch.setattr("loky.ProcessPoolExecutor", lambda **_: (_ for _ in ()).throw(OSError(38, "no")))
    elif lost == "no process":
        monkeypatch.setattr("subprocess._fork_exec", lambda *_, **__: (_ for _ in ()).throw(OSError(12, "no")))
        monkeypatch.setattr("loky.backend.fork_exec.fork_exec", lambda *_, **__: (_ for _ in ()).throw(OSError(12, "")))
    elif lost == "at the start":
        monkeypatch.setattr(processes, "_make_ready", partial(os._exit, 1))
    else:
        monkeypatch.setattr(drawing, "draw_image", partial(ends_a_helper, os.getpid()))
        first, otherwise = iter([True]), drawing._next
        monkeypatch.setattr(
            drawing, "_next", lambda work: work.done.get(timeout=100) if next(first, False) else otherwise(work)
        )
    assert draw_beside() == alone


def test_a_figure_that_cannot_be_drawn_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StopIteration):
        draw_all({("s", "n"): partial(picture, 1.0, ("nonsense",))}, ("svg",))


def test_the_page_has_its_picture_whatever_files_are_asked_for() -> None:
    plain, printed = (draw_image("n", partial(picture, 1.0), formats) for formats in (("svg",), ("pdf",)))
    assert plain.kept == ("svg",) and set(plain.files) == {"svg"}
    assert printed.kept == ("pdf",) and set(printed.files) == {"svg", "pdf"}
    photograph = draw_image("n", partial(picture, 1.0, ("png",)), ("svg", "pdf"))
    assert photograph.kept == ("png",) and set(photograph.files) == {"png"}


def test_of_a_figure_too_large_the_page_has_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "MAX_SVG", 10)
    image = draw_image("n", partial(picture, 1.0), ("svg",))
    assert set(image.files) == {"svg", "png"} and image.kept == ("svg",)
