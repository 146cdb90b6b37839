"""Pages of handwriting: which signs are found, in which order, without ruled lines, and what is told to be left out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw

from lenet_ablate.predict.boxes import Box
from lenet_ablate.predict.cells import cells_of
from lenet_ablate.predict.choice import best_of, with_loners
from lenet_ablate.predict.comb import comb_bars
from lenet_ablate.predict.course import pixels_of, refined
from lenet_ablate.predict.digits import Digit, Found
from lenet_ablate.predict.grid import find_grid
from lenet_ablate.predict.ink import find_ink
from lenet_ablate.predict.layout import Layout, find_layout
from lenet_ablate.predict.lines import Line
from lenet_ablate.predict.pictures import Grey, from_array
from lenet_ablate.predict.pieces import LeftOut, Reason
from lenet_ablate.predict.rows import in_rows
from lenet_ablate.predict.ruling import find_lines
from lenet_ablate.predict.stems import contradicts
from lenet_ablate.predict.strokes import runs
from lenet_ablate.predict.touching import may_be_several, split
from lenet_ablate.predict.upstroke import has_upstroke
from support import pages


def layout(image: Image.Image) -> Layout:
    return find_layout(from_array(np.asarray(image)))


def boxes(found: Layout) -> list[list[Box]]:
    return [[digit.box for digit in row] for row in found.rows]


def same_place(found: Sequence[Box], expected: Sequence[Box], away: int) -> bool:
    pairs = zip(found, expected, strict=True)
    return all(
        max(abs(one.top - two.top), abs(one.left - two.left), abs(one.bottom - two.bottom), abs(one.right - two.right))
        <= away
        for one, two in pairs
    )


@pytest.mark.parametrize("slant", [-0.1, 0.0, 0.1])
def test_rows_are_read_from_top_to_bottom_and_from_left_to_right(slant: float) -> None:
    found = boxes(layout(pages.rows(slant)))
    assert [len(row) for row in found] == [4, 4, 3]
    for row in found:
        assert [box.left for box in row] == sorted(box.left for box in row)
    assert found[0][0].bottom < found[1][0].top < found[2][0].top


def test_a_comma_and_a_bar_take_the_row_of_their_neighbours() -> None:
    size = 50
    signs = [Box(0, 0, 50, 30), Box(0, 60, 50, 90), Box(44, 95, 58, 100), Box(22, 110, 27, 130), Box(70, 0, 120, 30)]
    assert in_rows(signs, size) == [[0, 1, 2, 3], [4]]
    assert in_rows([], size) == []


PLAIN = {
    "ruled": (pages.page(), (2, 3, 7, 5), (80, 150, 110, 40)),
    "squared": (pages.page(), (4, 6, 3), (120, 130, 120, 60)),
    "framed": (pages.page(), (5, 8), (230, 130, 120, 50)),
}


@pytest.mark.parametrize(
    ("kind", "image"),
    [
        ("ruled", pages.ruled()),
        ("ruled", pages.ruled(200, 2)),
        ("ruled", pages.ruled(pages.INK, 5)),
        ("squared", pages.squared()),
        ("squared", pages.squared(190)),
        ("framed", pages.framed()),
    ],
)
def test_digits_on_ruled_paper_are_those_on_plain_paper(kind: str, image: Image.Image) -> None:
    page, digits, place = PLAIN[kind]
    plain = page.copy()
    pages.write(plain, digits, *place)
    expected, found = layout(plain), layout(image)
    assert found.left_out == () and len(found.rows) == 1
    assert same_place(boxes(found)[0], boxes(expected)[0], 7)
    for one, two in zip(found.rows[0], expected.rows[0], strict=True):
        ink = float(two.ink.sum())
        assert abs(float(one.ink.sum()) - ink) < 0.2 * ink


@pytest.mark.parametrize("digits", [(7,), (1,), (2, 5), (4, 7, 1), (7, 7, 7)])
def test_strokes_of_digits_are_no_lines(digits: tuple[int, ...]) -> None:
    image = pages.page()
    pages.write(image, digits, 60, 60, 250, 40)
    tight = image.crop(Image.eval(image, lambda level: 255 - level if level < 200 else 0).getbbox())
    for picture in (image, tight):
        ink = find_ink(from_array(np.asarray(picture)))
        assert ink is not None and find_lines(ink).masks == ()


@pytest.mark.parametrize("with_frame", [True, False])
def test_a_tables_digits_stand_in_its_cells(with_frame: bool) -> None:
    found = layout(pages.table(with_frame))
    signs = [box for row in boxes(found) for box in row]
    assert [len(row) for row in found.rows] == [3, 3] and found.left_out == ()
    assert cells_of(signs, found.ruling, found.size) == [(row, column) for row in range(2) for column in range(3)]


def test_without_a_table_there_are_no_cells() -> None:
    for image in (pages.rows(), pages.ruled()):
        found = layout(image)
        signs = [box for row in boxes(found) for box in row]
        assert set(cells_of(signs, found.ruling, found.size)) == {None}


def test_what_goes_around_a_digit_is_told_and_is_no_part_of_it() -> None:
    found = layout(pages.circled())
    assert [mark.reason for mark in found.left_out] == [Reason.around]
    plain = pages.page()
    pages.write(plain, [5], 150, 140, 110)
    pages.write(plain, [3], 430, 140, 110)
    assert same_place(boxes(found)[0], boxes(layout(plain))[0], 2)


@pytest.mark.parametrize(
    ("image", "plain", "digits", "place"),
    [
        (pages.uneven_squares(), pages.page(1000, 700), (2, 3, 7, 5), (200, 290, 120, 60)),
        (pages.dense_squares(), pages.page(800, 600), (4, 6), (250, 230, 150, 60)),
    ],
    ids=["uneven light", "many dark lines"],
)
def test_squared_paper_keeps_its_ink(
    image: Image.Image, plain: Image.Image, digits: tuple[int, ...], place: tuple[float, ...]
) -> None:
    pages.write(plain, digits, *place)
    found = layout(image)
    assert found.left_out == () and len(found.rows) == 1
    assert same_place(boxes(found)[0], boxes(layout(plain))[0], 6)


def test_equal_bars_at_equal_distances_are_no_ones() -> None:
    found = layout(pages.comb())
    bars = [digit for row in found.rows for digit in row if digit.is_bar]
    assert len(bars) == 6 and sum(len(row) for row in found.rows) == 9
    ones = [Box(10 * (number % 2), place, 100, place + 12) for number, place in enumerate((0, 70, 150, 260))]
    assert comb_bars(ones) == set()


def test_bars_of_a_form_do_not_part_a_row() -> None:
    (row,) = layout(pages.low_comb()).rows
    assert sum(not digit.is_bar for digit in row) == 10
    digits = [Box(105, 70 + 112 * place, 194, 130 + 112 * place) for place in range(5)]
    bars = [Box(176, 38 + 112 * place, 225, 41 + 112 * place) for place in range(6)]
    assert len(in_rows([*digits, *bars], 90)) == 2
    assert in_rows([*digits, *bars], 90, set(range(5, 11))) == [[5, 0, 6, 1, 7, 2, 8, 3, 9, 4, 10]]


@pytest.mark.parametrize(
    ("image", "reason"), [(pages.cut_off(), Reason.edge), (pages.pale(), Reason.pale)], ids=["cut off", "pale"]
)
def test_what_is_not_read_is_told(image: Image.Image, reason: Reason) -> None:
    found = layout(image)
    assert [len(row) for row in found.rows] == [2]
    assert [mark.reason for mark in found.left_out] == [reason]
    assert found.left_out[0].box.left > found.rows[0][-1].box.right


def test_small_and_broad_marks_are_told_and_dust_is_not() -> None:
    image = pages.page()
    pages.write(image, (2, 3), 60, 90, 150, 50)
    image.paste(pages.INK, (500, 200, 522, 218))  # a full stop
    image.paste(pages.INK, (400, 300, 406, 305))
    image.paste(pages.INK, (420, 20, 520, 120))
    found = layout(image)
    assert sorted(mark.reason.name for mark in found.left_out) == ["broad", "small"]


def test_a_small_digit_is_a_digit_though_never_sure() -> None:
    image = pages.page()
    pages.write(image, (3,), 60, 60, 200)
    pages.write(image, (2,), 400, 200, 70)
    (row,) = layout(image).rows
    assert [digit.is_doubtful for digit in row] == [False, True]


def test_a_1_that_is_twice_as_high_is_no_ruled_line() -> None:
    found = layout(pages.large_one())
    assert sum(len(row) for row in found.rows) == 5 and not found.ruling.upright


def test_the_bar_of_a_7_that_is_larger_than_the_rest_is_no_ruled_line() -> None:
    found = layout(pages.large_seven())
    ((seven,),) = found.rows
    assert seven.box.width > seven.box.height / 2 and not found.ruling.level


def test_the_bar_of_a_7_beside_a_line_of_squared_paper_is_a_stroke() -> None:
    ((_, seven),) = layout(pages.bar_beside_a_line()).rows
    assert seven.box.width > 0.5 * seven.box.height
    assert (seven.ink[: seven.ink.shape[0] // 8] > 0.5).any(axis=0).mean() > 0.8


@pytest.mark.parametrize("name", pages.other_inks())
def test_what_is_much_paler_lighter_or_smaller_is_told(name: str) -> None:
    found = layout(pages.other_inks()[name])
    assert sum(len(row) for row in found.rows) == (1 if "small" in name else 2)
    assert len(found.left_out) == 1


def test_squared_paper_as_dark_as_the_writing_is_no_shadow() -> None:
    found = layout(pages.dark_squares())
    assert [len(row) for row in found.rows] == [1]


def test_what_the_edge_cuts_off_is_told_in_uneven_light_too() -> None:
    found = layout(pages.cut_off_in_shadow())
    assert [len(row) for row in found.rows] == [2]
    assert [mark.reason.name for mark in found.left_out] == ["edge"]
    assert found.left_out[0].box.right == found.picture.grey.shape[1]


@pytest.mark.parametrize("degrees", [5, 20, 30])
def test_the_desk_beside_a_sheet_is_no_writing(degrees: float) -> None:
    found = layout(pages.on_desk(degrees))
    assert sum(len(row) for row in found.rows) == 2 and found.left_out == ()


@pytest.mark.parametrize("digit", [0, 8])
def test_a_large_digit_in_chalk_is_no_sheet(digit: int) -> None:
    found = layout(pages.chalk(digit))
    ((sign,),) = found.rows
    assert sign.box.height > 0.7 * found.picture.grey.shape[0] and found.left_out == ()


def test_small_writing_is_read_with_more_pixels_and_boxes_are_the_pictures() -> None:
    found = layout(pages.small_writing())
    assert max(found.picture.grey.shape) == 800 and [len(row) for row in found.rows] == [4, 3]
    box = found.picture.in_pixels(found.rows[0][0].box)
    assert abs(box.left - 200) <= 6 and abs(box.top - 300) <= 6 and abs(box.bottom - 340) <= 6


def likely_where(widths: npt.NDArray[np.float64]) -> object:
    """Judges ink by its width over its height: near to one of those given is likely."""

    def judge(inks: Sequence[Grey]) -> npt.NDArray[np.float64]:
        ratios = np.array([ink.shape[1] / ink.shape[0] for ink in inks])
        return -10 * np.abs(ratios[:, None] - widths).min(axis=1)

    return judge


def test_digits_that_touch_are_cut_where_the_parts_read_better() -> None:
    found = layout(pages.touching())
    signs = [digit for row in found.rows for digit in row]
    assert len(signs) == 2 and all(may_be_several(digit, is_sure=True) for digit in signs)
    apart = pages.page()
    pages.write(apart, (3,), 380, 140, 110)
    alone = layout(apart).rows[0][0]
    width = alone.box.width / alone.box.height
    rest = (signs[1].box.width - alone.box.width) / signs[1].box.height
    parts = split(signs[1], likely_where(np.array([width, rest])))  # type: ignore[arg-type]
    assert len(parts) == 2 and all(part.is_doubtful for part in parts)
    assert abs(parts[0].box.right - alone.box.right) <= 5
    assert parts[0].box.left == signs[1].box.left and parts[1].box.right == signs[1].box.right


def test_a_sign_that_reads_better_whole_stays_whole() -> None:
    sign = layout(pages.touching()).rows[0][1]
    whole = np.array([sign.box.width / sign.box.height])
    assert split(sign, likely_where(whole)) == [sign]  # type: ignore[arg-type]
    assert not may_be_several(Digit(Box(0, 0, 100, 40), np.ones((100, 40), np.float32)), is_sure=False)


def test_a_line_is_followed_where_it_bends_and_a_stroke_in_it_stays() -> None:
    """A bent line with a foot of a stroke in it: the line's pixels go, and the foot's, which makes it thicker, stay."""
    columns = np.arange(300)
    middles = 60 + 0.03 * columns + 8 * (columns / 299) * (1 - columns / 299)
    rows = np.arange(120)[:, None]
    mask = np.abs(rows - middles) <= 1.2
    mask[40:70, 100:140] |= np.abs(rows - middles + 2)[40:70, 100:140] <= 3.2
    down = runs(mask)
    line = Line(0, 250, 60.0, 67.5, 3.0, (1,), 1.0)
    found = refined(line, mask, (mask & (columns <= 250)).astype(np.int32), down, 6.0)
    assert (found.first, found.last) == (0, 299)
    np.testing.assert_allclose(found.row(columns), middles, atol=1.0)
    own = pixels_of([found], mask)
    assert own[:, :95].sum() == mask[:, :95].sum() and own[:, 145:].sum() == mask[:, 145:].sum()
    assert not own[:, 104:136].any()


@pytest.mark.parametrize("missing", [(), (2,), (1, 3)])
def test_even_lines_are_a_grid_and_uneven_ones_are_none(missing: tuple[int, ...]) -> None:
    def level(row: float) -> Line:
        return Line(0, 299, row, row + 3, 2.0, (1,), 0.9)

    lines = [level(20 + 40 * number) for number in range(6) if number not in missing]
    grid = find_grid(lines, 300)
    assert grid is not None and abs(grid.pitch - 40) < 0.5
    assert grid.holds(Line(10, 60, 60.1, 60.6, 2.0, (2,), 1.0)) and not grid.holds(
        Line(10, 60, 80, 80.5, 2.0, (2,), 1.0)
    )
    assert find_grid([level(row) for row in (20, 60, 77, 140, 151)], 300) is None
    assert find_grid(lines, 300, is_upright=True) is None


def sign(box: Box) -> Digit:
    return Digit(box, np.ones((box.height, box.width), np.float32))


def test_at_each_place_the_way_is_taken_that_reads_best() -> None:
    halves, whole, other = (Box(0, 0, 40, 10), Box(0, 20, 40, 30)), Box(0, 0, 40, 30), Box(0, 60, 40, 80)
    one = Found((*map(sign, halves), sign(other)), (LeftOut(Box(2, 12, 6, 14), Reason.small),), 40.0)
    two = Found((sign(whole), sign(other)), (), 40.0)
    alike = likely_where(np.array([whole.width / whole.height, other.width / other.height]))
    best = best_of([one, two], alike)  # type: ignore[arg-type]
    assert {digit.box for digit in best.digits} == {whole, other} and best.left_out == ()
    back = best_of([two, one], alike)  # type: ignore[arg-type]
    assert {digit.box for digit in back.digits} == {whole, other}


def test_a_sign_that_only_one_way_has_is_not_lost() -> None:
    digit, other = Box(0, 0, 40, 20), Box(0, 60, 40, 80)
    both, one = (Found(tuple(map(sign, boxes)), (), 40.0) for boxes in ((digit, other), (other,)))
    likely = likely_where(np.array([0.5]))
    for ways in ([both, one], [one, both]):
        assert {found.box for found in best_of(ways, likely).digits} == {digit, other}  # type: ignore[arg-type]
    line = Found((sign(Box(0, 0, 4, 80)), sign(other)), (), 40.0)
    assert {found.box for found in best_of([line, one], likely).digits} == {other}  # type: ignore[arg-type]


def test_a_mark_beside_a_digit_is_no_part_of_it_where_that_reads_better() -> None:
    digit, mark = Box(0, 20, 40, 40), Box(35, 0, 40, 12)
    joined = Found((sign(digit.join(mark)),), (), 40.0)
    apart = Found((sign(digit), sign(mark)), (), 40.0)
    likely = likely_where(np.array([0.5]))
    assert with_loners(joined, apart, likely) == apart  # type: ignore[arg-type]
    assert with_loners(joined, apart, likely_where(np.array([1.0]))) == joined  # type: ignore[arg-type]


def drawn(*strokes: Sequence[tuple[float, float]], pen: int = 9) -> Grey:
    image = Image.new("L", (200, 200))
    for stroke in strokes:
        ImageDraw.Draw(image).line(list(stroke), fill=255, width=pen, joint="curve")
    return np.asarray(image.crop(image.getbbox()), np.float32) / 255


ONES = {
    "upstroke": drawn([(60, 85), (100, 40)], [(100, 40), (95, 170)]),
    "long upstroke": drawn([(40, 100), (100, 40)], [(100, 40), (100, 170)], pen=6),
}
OTHERS = {
    "bar": drawn([(100, 40), (95, 170)]),
    "7": drawn([(50, 42), (110, 40)], [(110, 40), (80, 170)]),
    "4": drawn([(60, 40), (60, 100), (110, 100)], [(110, 40), (110, 170)]),
    "9": drawn([(100, 40), (60, 60), (60, 90), (100, 100)], [(100, 40), (95, 170)]),
    "crossed 7": drawn([(60, 60), (110, 40)], [(110, 40), (95, 170)], [(75, 110), (130, 110)]),
    "2": drawn([(50, 80), (90, 40), (110, 80), (50, 170), (120, 170)]),
}


@pytest.mark.parametrize("name", [*ONES, *OTHERS])
def test_a_one_with_an_upstroke_is_told_from_other_digits(name: str) -> None:
    assert has_upstroke((ONES | OTHERS)[name]) is (name in ONES)


HANGING: dict[str, tuple[int, tuple[list[tuple[int, int]], ...]]] = {
    "arrow up": (1, ([(100, 40), (100, 170)], [(65, 95), (100, 40), (135, 95)])),
    "arrow down": (1, ([(100, 40), (100, 170)], [(65, 115), (100, 170), (135, 115)])),
    "arrow to the upper right": (7, ([(50, 170), (120, 40)], [(45, 60), (120, 40), (142, 110)])),
    "bracket": (1, ([(135, 40), (90, 40), (90, 170), (135, 170)],)),
    "bow": (1, ([(80, 40), (110, 70), (118, 105), (110, 140), (80, 170)],)),
    "backslash": (1, ([(60, 40), (140, 170)],)),
}
DIGITS: dict[str, tuple[int, tuple[list[tuple[int, int]], ...]]] = {
    "1": (1, ([(100, 40), (100, 170)],)),
    "leaning 1": (1, ([(130, 40), (70, 170)],)),
    "1 with a flag and a foot": (1, ([(75, 70), (100, 40), (100, 170)], [(65, 168), (135, 168)])),
    "7": (7, ([(50, 45), (130, 45), (85, 170)],)),
    "crossed 7": (7, ([(50, 45), (130, 45), (85, 170)], [(75, 105), (140, 105)])),
    "4": (4, ([(60, 40), (50, 110), (130, 110)], [(110, 60), (110, 170)])),
}


@pytest.mark.parametrize("name", list(HANGING | DIGITS))
def test_strokes_tell_what_is_no_one_and_no_seven(name: str) -> None:
    digit, lines = (HANGING | DIGITS)[name]
    assert contradicts(digit, drawn(*lines)) is (name in HANGING)
