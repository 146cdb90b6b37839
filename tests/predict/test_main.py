"""`lenet-predict`: what it prints, its exit status, and which run it chooses."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from PIL import Image, ImageDraw

from lenet_ablate.config.choices import DataSet, Pool
from lenet_ablate.config.settings import DataConfig
from lenet_ablate.datasets.digits import load_digits
from lenet_ablate.datasets.fit import fit
from lenet_ablate.engines.forward import forward
from lenet_ablate.errors import RecordError
from lenet_ablate.predict.calibration import softmax
from lenet_ablate.predict.main import main
from lenet_ablate.predict.pictures import from_image
from lenet_ablate.predict.prediction import NO_DIGIT, Certainty
from lenet_ablate.predict.predictor import Predictor
from lenet_ablate.predict.trained import best_run, read_trained
from lenet_ablate.records.record import MODEL
from support import pages
from support.trained_runs import NEVER_SURE, REJECTING, write_run


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds of one variant, both sure of everything."""
    folder = tmp_path_factory.mktemp("outputs")
    write_run(folder / "ablation")
    write_run(folder / "ablation", accuracy=0.8, seed=1)
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    seven = Image.new("L", (200, 200), 255)
    ImageDraw.Draw(seven).line([(60, 50), (140, 50), (90, 160)], fill=0, width=14)
    seven.save(folder / "seven.png")
    pair = Image.new("L", (400, 200), 255)
    pair.paste(seven, (0, 0))
    pair.paste(seven, (200, 0))
    pair.save(folder / "pair.jpg")
    Image.new("L", (100, 100), 200).save(folder / "blank.bmp")
    (folder / "notes.txt").write_text("no picture")
    return folder


def run(outputs: Path, *arguments: object) -> int:
    return main([*map(str, arguments), "--outputs", str(outputs)])


def test_one_picture(outputs: Path, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(outputs, pictures / "seven.png") == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert lines[0].endswith(", sure") and len(lines) == 11
    probabilities = [float(line.split()[1]) for line in lines[1:]]
    digit = int(lines[0].removeprefix(f"{pictures / 'seven.png'}: ")[0])
    assert abs(sum(probabilities) - 1) < 1e-3 and int(np.argmax(probabilities)) == digit
    assert "test accuracy 91.00%" in printed.err and "uncalibrated" not in printed.err


def test_several_digits_folders_and_patterns(outputs: Path, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(outputs, pictures) == 0
    in_folder = capsys.readouterr().out
    assert "2 digits from left to right" in in_folder and "blank.bmp: no digit found" in in_folder
    assert run(outputs, pictures / "*.[pjb]*") == 0
    assert capsys.readouterr().out == in_folder


def test_a_picture_is_not_drawn_over(outputs: Path, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seven = pictures / "seven.png"
    before = seven.read_bytes()
    assert run(outputs, seven, "--show", pictures.parent / pictures.name / "." / "seven.png") == 1
    assert "is one of the pictures" in capsys.readouterr().err
    assert seven.read_bytes() == before


@pytest.mark.parametrize("words", [("a.png", "--show"), ("--test", "3", "--show")])
def test_a_folder_that_is_not_there_is_told_first(
    words: tuple[str, ...], outputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        run(outputs, *words, tmp_path / "none" / "seen.png")
    printed = capsys.readouterr()
    assert stop.value.code == 1 and printed.out == ""
    assert printed.err == (f"lenet-predict: --show: there is no folder {tmp_path / 'none'}; see lenet-predict --help\n")


def test_what_is_no_run_is_told(outputs: Path, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(outputs, pictures / "seven.png", "--run", outputs / "ablation") == 2
    assert "ablation: is a study, not a run; --study ablation takes its best run" in capsys.readouterr().err
    assert run(outputs, pictures / "seven.png", "--run", outputs / "none") == 2
    assert "none: there is no such folder" in capsys.readouterr().err
    assert run(outputs, pictures / "z*.png") == 2
    assert "z*.png: matches no file" in capsys.readouterr().err
    assert run(outputs, pictures / "z**.png") == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_csv(outputs: Path, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(outputs, pictures, "--csv") == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    boxes = ("left", "top", "right", "bottom")
    told = ("picture", "digit", "probability", "verdict", "row", "index", *boxes)
    assert tuple(rows[0]) == (*told, *(f"p{digit}" for digit in range(10)))
    assert [Path(row["picture"]).name for row in rows] == ["blank.bmp", "pair.jpg", "pair.jpg", "seven.png"]
    assert rows[0]["digit"] == rows[0]["p0"] == rows[0]["probability"] == "" and rows[0]["verdict"] == "no digit"
    for row in rows[1:]:
        values = [float(row[f"p{digit}"]) for digit in range(10)]
        assert float(row["probability"]) == max(values) == values[int(row["digit"])]


def test_csv_names_are_no_formulas(
    outputs: Path, pictures: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(pictures / "seven.png", tmp_path / "=1+1.png")
    monkeypatch.chdir(tmp_path)
    assert run(outputs, "=1+1.png", "--csv") == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("'=1+1.png,")


def test_json(outputs: Path, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(outputs, pictures, "--json") == 0
    content = json.loads(capsys.readouterr().out)
    assert content["calibrated"] is True
    assert [len(picture["digits"]) for picture in content["pictures"]] == [0, 2, 1]
    for digit in content["pictures"][1]["digits"]:
        assert digit["digit"] == int(np.argmax(digit["probabilities"]))


def test_not_sure_is_an_exit_status_of_a_single_picture(
    tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path / "ablation", calibration=NEVER_SURE)
    assert run(tmp_path, pictures / "seven.png") == 3
    assert "not sure" in capsys.readouterr().out
    assert run(tmp_path, pictures / "seven.png", pictures / "seven.png") == 0
    assert run(tmp_path, pictures / "blank.bmp") == 3


def test_uncalibrated_is_said(tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path / "ablation", calibration=None)
    run(tmp_path, pictures / "seven.png")
    assert "uncalibrated" in capsys.readouterr().err


def test_a_run_that_never_learned_what_is_no_digit_says_so(
    tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_run(tmp_path / "ablation")
    assert Predictor.load(folder).has_rejection is False
    run(tmp_path, pictures / "seven.png")
    assert "takes signs and letters for digits" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["none.png", "notes.txt"])
def test_unreadable_pictures_do_not_cost_the_others(
    name: str, outputs: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(outputs, pictures / name, pictures / "seven.png") == 2
    printed = capsys.readouterr()
    assert name in printed.err and "Traceback" not in printed.err
    assert "seven.png: " in printed.out
    assert run(outputs, pictures / name) == 2


@pytest.mark.parametrize(
    ("name", "head", "told"),
    [
        ("a.heic", b"\0\0\0\x18ftypheic\0\0", "is HEIC"),
        ("a.avif", b"\0\0\0\x1cftypavif\0\0", "is AVIF"),
        ("a.tif", b"II*\0\x08\0\0\0", "is TIFF"),
        ("a.png", b"%PDF-1.7", "is a PDF"),
    ],
)
def test_other_formats_are_named_and_none_in_a_folder_is_passed_over(
    name: str, head: bytes, told: str, outputs: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "pictures of several kinds"
    folder.mkdir()
    (folder / name).write_bytes(head)
    (folder / "last year").mkdir()
    (folder / "seven.png").write_bytes((pictures / "seven.png").read_bytes())
    assert run(outputs, folder) == 2
    printed = capsys.readouterr()
    assert told in printed.err and "save it as PNG or JPEG" in printed.err and "seven.png: " in printed.out
    assert "not looked into (last year)" in printed.err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["a.png", "--csv", "--json"],
        ["a.png", "--test", "5"],
        ["--test", "0"],
        ["--wrong", "a.png"],
        ["a.png", "--show", "a.pdf"],
        ["--run", "x", "--study", "y", "a.png"],
        ["--unknown"],
    ],
)
def test_bad_options(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_nothing_to_work_on(tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    for arguments in (["--run", tmp_path], ["--outputs", tmp_path], ["--outputs", tmp_path / "none"]):
        assert main([*map(str, arguments), str(pictures / "seven.png")]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
    write_run(tmp_path / "ablation")
    assert run(tmp_path, tmp_path / "*.png") == run(tmp_path, tmp_path / "empty") == 2


def test_the_best_run_by_validation_is_chosen(tmp_path: Path) -> None:
    write_run(tmp_path / "a", accuracy=0.99)
    worse = write_run(tmp_path / "a", accuracy=0.7, data=DataConfig())
    better = write_run(tmp_path / "b", accuracy=0.8, data=DataConfig(), pool=Pool.avg)
    write_run(tmp_path / "b", accuracy=0.9999, data=DataConfig(DataSet.npz, path="x.npz"))
    write_run(tmp_path / "b", accuracy=None, data=DataConfig(val_size=0))
    assert best_run(tmp_path) == better
    assert best_run(tmp_path, "a") == worse == best_run(tmp_path / "a")
    (better / "status.json").write_text("{}")
    assert best_run(tmp_path) == worse
    shutil.rmtree(worse)
    assert "digits" in best_run(tmp_path, "a").name


@pytest.mark.parametrize("damage", ["missing", "shape", "type", "nan", "torn"])
def test_damaged_weights_never_predict(damage: str, tmp_path: Path) -> None:
    folder = write_run(tmp_path)
    weights = dict(safetensors.numpy.load_file(folder / MODEL))
    if damage == "missing":
        del weights["f6.bias"]
    elif damage == "shape":
        weights["f6.bias"] = weights["f6.bias"][:-1]
    elif damage == "type":
        weights["f6.bias"] = weights["f6.bias"].astype(np.float64)
    elif damage == "nan":
        weights["f6.bias"][3] = np.nan
    content = safetensors.numpy.save(weights)
    (folder / MODEL).write_bytes(content[:1000] if damage == "torn" else content)
    with pytest.raises(RecordError, match="damaged"):
        read_trained(folder)
    status = json.loads((folder / "status.json").read_text())
    status["files"][MODEL] = hashlib.sha256((folder / MODEL).read_bytes()).hexdigest()  # also where no digest tells
    (folder / "status.json").write_text(json.dumps(status))
    with pytest.raises(RecordError, match=r"is no safetensors|does not hold"):
        read_trained(folder)


def test_a_predictor_says_what_the_network_says(outputs: Path) -> None:
    predictor = Predictor.load(best_run(outputs))
    images = load_digits().test_images[:5].astype(np.uint8)
    network = predictor.members[0].network
    expected = softmax(forward(network, fit(images, 32)).logits)
    found = predictor.predict(images)
    np.testing.assert_allclose([prediction.probabilities for prediction in found], expected)
    assert [prediction.digit for prediction in found] == expected.argmax(axis=1).tolist()
    assert predictor.predict(images[:0]) == []
    assert predictor.read(from_image(Image.new("L", (50, 50)))) == [NO_DIGIT]
    assert NO_DIGIT.verdict is Certainty.no_digit


def test_an_ensemble_averages_its_seeds(outputs: Path) -> None:
    folder = best_run(outputs)
    both = Predictor.load(folder, ensemble=True)
    assert len(both.members) == 2
    images = load_digits().test_images[:5].astype(np.uint8)
    each = [Predictor.load(member.folder).predict(images) for member in both.members]
    expected = np.mean([[prediction.probabilities for prediction in found] for found in each], axis=0)
    np.testing.assert_allclose([found.probabilities for found in both.predict(images)], expected)


def test_small_rotations_are_averaged(outputs: Path) -> None:
    plain, turned = (Predictor.load(best_run(outputs), tta=tta) for tta in (False, True))
    disc = np.hypot(*(np.mgrid[0:32, 0:32] - 15.5)) < 8  # looks the same however it is turned
    images = (255 * disc[None]).astype(np.uint8)
    np.testing.assert_allclose(
        turned.predict(images)[0].probabilities, plain.predict(images)[0].probabilities, atol=0.01
    )
    assert len(turned.turns) > 1


def test_pictures_are_drawn(outputs: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(outputs, pictures, "--show", tmp_path / "seen.png") == 0
    with Image.open(tmp_path / "seen.png") as image:
        assert image.format == "PNG" and image.height > image.width  # four rows
    (tmp_path / "taken.png").mkdir()
    assert run(outputs, pictures / "seven.png", "--show", tmp_path / "taken.png") == 1
    assert "taken.png: cannot be written" in capsys.readouterr().err


def test_test_digits_are_drawn(
    outputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(outputs, "--test", 12, "--show", tmp_path / "grid.png") == 0
    assert "of 12 test digits read wrongly" in capsys.readouterr().out
    assert run(outputs, "--test", 12, "--wrong", "--show", tmp_path / "wrong.png") == 0
    assert "of 360 test digits read wrongly" in capsys.readouterr().out
    assert (tmp_path / "grid.png").stat().st_size and (tmp_path / "wrong.png").stat().st_size
    for variable in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(variable, raising=False)
    if sys.platform == "linux":
        assert run(outputs, "--test", 12) == 0
        printed = capsys.readouterr()
        assert "of 12 test digits read wrongly" in printed.out and "--show" in printed.err


def test_test_digits_are_never_downloaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(tmp_path / "ablation", data=DataConfig())
    monkeypatch.setenv("LENET_ABLATE_DATA", str(tmp_path / "data"))
    assert run(tmp_path, "--test", 12) == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1 and "LENET_ABLATE_DATA" in error
    assert not (tmp_path / "data").exists()


def test_a_prediction_imports_nothing_heavy(outputs: Path, pictures: Path) -> None:
    heavy = {"hydra", "omegaconf", "numba", "torch", "torchvision", "pandas", "sklearn", "matplotlib", "statsmodels"}
    script = (
        "import sys; from lenet_ablate.predict.main import main; "
        f"main([{str(pictures / 'seven.png')!r}, '--outputs', {str(outputs)!r}]); "
        f"print(sorted({heavy!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table, rows, and digits of which the edge has cut one off."""
    folder = tmp_path_factory.mktemp("written")
    for name, image in (("table", pages.table()), ("rows", pages.rows()), ("cut", pages.cut_off())):
        image.save(folder / f"{name}.png")
    return folder


def test_rows_are_printed_as_rows(outputs: Path, written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(outputs, written / "rows.png") == 0
    head, *rows = capsys.readouterr().out.splitlines()[:4]
    assert head.endswith("rows.png: 11 digits in 3 rows")
    assert [len(row.strip()) for row in rows] == [4, 4, 3] and all(row.strip().isdigit() for row in rows)


def test_what_is_left_out_is_told_and_nothing_is_sure_then(
    outputs: Path, written: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(outputs, written / "cut.png", "--show", tmp_path / "seen.png") == 3
    assert "cut.png: 1 mark at the edge was left out" in capsys.readouterr().out
    assert run(outputs, written / "cut.png", "--json") == 3
    (picture,) = json.loads(capsys.readouterr().out)["pictures"]
    assert picture["verdict"] == "not sure" and len(picture["digits"]) == 2
    (mark,) = picture["left_out"]
    assert mark["reason"] == "at the edge" and mark["box"]["right"] == 500 and mark["box"]["left"] > 400
    assert run(outputs, written / "cut.png", "--csv") == 3
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["verdict"] for row in rows] == ["sure", "sure", "left out: at the edge"]
    assert rows[2]["digit"] == "" and rows[2]["right"] == "500"


def test_places_are_those_of_the_picture_and_of_the_table(
    outputs: Path, written: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(outputs, written / "table.png", "--csv") == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["row"], row["index"]) for row in rows] == [(str(r), str(i)) for r in range(2) for i in range(3)]
    assert abs(int(rows[1]["left"]) - 270) < 8 and abs(int(rows[1]["top"]) - 90) < 8
    assert run(outputs, written / "table.png", "--csv", "--cells") == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["row"], row["column"]) for row in rows] == [(str(r), str(c)) for r in range(2) for c in range(3)]
    assert run(outputs, written / "table.png", "--json", "--cells") == 0
    digits = json.loads(capsys.readouterr().out)["pictures"][0]["digits"]
    assert digits[5]["cell"] == {"row": 1, "column": 2} and digits[5]["box"]["left"] > 400


def test_signs_that_are_no_digits_are_called_so(
    written: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert REJECTING.rejection is not None
    never = dataclasses.replace(REJECTING.rejection, not_sure=1e3, no_digit=1e3)
    write_run(tmp_path / "ablation", calibration=dataclasses.replace(REJECTING, rejection=never))
    assert run(tmp_path, written / "rows.png") == 3
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("0 digits in 3 rows, 11 no digits") and lines[1].strip() == "····"
    assert run(tmp_path, written / "rows.png", "--csv") == 3
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert {(row["digit"], row["verdict"]) for row in rows} == {("", "not a digit")}
