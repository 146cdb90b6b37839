"""Pictures of digits that are drawn here: in every size, colour and light, and stroke by stroke."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

Pixels = npt.NDArray[np.uint8]


def drawn(side: int, width: int, ink: int = 0, paper: int = 255, copies: int = 1) -> Image.Image:
    """A "2" as a pen draws it, once or several times side by side."""
    image = Image.new("L", (1200 * copies, 1200), paper)
    for copy in range(copies):
        points = [(0.3, 0.3), (0.5, 0.18), (0.68, 0.33), (0.32, 0.8), (0.75 - 0.1 * copy, 0.82)]
        corners = [(1200 * (x + copy), 1200 * y) for x, y in points]
        ImageDraw.Draw(image).line(corners, fill=ink, width=width, joint="curve")
    return image.resize((side * copies, side), Image.Resampling.BICUBIC)


def lit(image: Image.Image, seed: int) -> Pixels:
    """Light that fades across the picture, the edge of a shadow, noise and blur."""
    random = np.random.default_rng(seed)
    pixels = np.asarray(image.filter(ImageFilter.GaussianBlur(1.2)), np.float64)
    y, x = np.mgrid[0 : pixels.shape[0], 0 : pixels.shape[1]] / pixels.shape[1]
    light = (1 - 0.5 * x) * np.where(x + random.uniform(-0.5, 0.5) * y > random.uniform(0.3, 0.8), 0.65, 1)
    noisy: Pixels = (pixels * light + random.normal(0, 6, pixels.shape)).clip(0, 255).astype(np.uint8)
    return noisy


def photographs() -> dict[str, Pixels]:
    """Pictures of every kind that the preparation treats in its own way, grey (H, W) or with opacity (H, W, 4)."""
    random = np.random.default_rng(5)
    plain = {f"{side} px": drawn(side, 130) for side in (8, 12, 20, 28, 33, 60, 111, 112, 113, 399, 401, 640, 1601)}
    plain |= {f"pen of {width}": drawn(400, width) for width in (12, 30, 220)}
    plain |= {f"{ink} on {paper}": drawn(300, 110, ink, paper) for ink, paper in ((255, 0), (40, 90), (210, 120))}
    plain |= {f"{copies} digits": drawn(200, 120, copies=copies) for copies in (2, 3)}
    kinds = {name: np.asarray(image) for name, image in plain.items()}
    kinds |= {f"photograph {seed}": lit(drawn(480, 90, 60, 235, 1 + seed % 2), seed) for seed in range(6)}
    faint = drawn(300, 110, copies=2)
    faint.paste(faint.crop((0, 0, 300, 300)).point(lambda level: 128 + level // 2), (300, 0))
    kinds["dark and faint"] = np.asarray(faint)
    part_reasons = Image.new("L", (400, 400), 255)
    pen = ImageDraw.Draw(part_reasons)
    pen.line([(150, 120), (150, 200), (250, 240), (150, 330)], fill=0, width=24)
    pen.line([(160, 85), (260, 85)], fill=0, width=18)  # the bar of a "5", not quite touching
    kinds["two pieces and dust"] = np.asarray(part_reasons).copy()
    kinds["two pieces and dust"][380, 20] = 0
    pen.rectangle([0, 0, 399, 30], fill=0)
    kinds["a beam at the edge"] = np.asarray(part_reasons)
    kinds["noise"] = random.normal(128, 30, (480, 640)).clip(0, 255).astype(np.uint8)
    kinds["faint noise"] = random.normal(200, 2, (200, 300)).astype(np.uint8)
    kinds["shadow"] = np.where(np.add.outer(np.arange(480), np.arange(640)) > 500, 110, 220).astype(np.uint8)
    kinds["blank"] = np.full((90, 70), 240, np.uint8)
    kinds["one pixel"] = np.zeros((1, 1), np.uint8)
    kinds["a line of pixels"] = np.full((1, 5000), 9, np.uint8)
    for name, level, side in (("black", 0, 90), ("white", 255, 500), ("grey", 90, 1700)):
        see_through = np.full((side, side, 4), level, np.uint8)
        see_through[..., 3] = 255 - np.asarray(drawn(side, 120))
        kinds[f"{name} on transparent"] = see_through
    corners = np.dstack([np.asarray(drawn(300, 110, 30, 220))] * 3 + [np.full((300, 300), 255, np.uint8)])
    corners[:40, :40, 3] = 0
    kinds["page without a corner"] = corners
    kinds["colours"] = np.dstack([*random.integers(120, 250, (3, 200, 150)), np.full((200, 150), 255)]).astype(np.uint8)
    return kinds


def strokes(digit: int) -> list[list[tuple[float, float]]]:
    """A digit as a person draws it: polylines in a frame of 0..1, y down."""

    def arc(x: float, y: float, wide: float, high: float, first: float, last: float) -> list[tuple[float, float]]:
        turns = np.radians(np.linspace(first, last, 18))  # from the right, clockwise
        return [(x + wide * float(np.cos(turn)), y + high * float(np.sin(turn))) for turn in turns]

    shapes: dict[int, list[list[tuple[float, float]]]] = {
        0: [arc(0.5, 0.5, 0.24, 0.38, -80, 285)],
        1: [[(0.4, 0.28), (0.52, 0.14), (0.52, 0.5), (0.51, 0.88)]],
        2: [[*arc(0.5, 0.32, 0.22, 0.2, -165, 30), (0.52, 0.6), (0.3, 0.86), (0.5, 0.84), (0.76, 0.86)]],
        3: [[*arc(0.48, 0.31, 0.2, 0.18, -150, 90), *arc(0.48, 0.67, 0.24, 0.2, -85, 150)]],
        4: [[(0.42, 0.14), (0.26, 0.56), (0.76, 0.56)], [(0.62, 0.3), (0.6, 0.9)]],
        5: [[(0.36, 0.14), (0.34, 0.46), *arc(0.48, 0.64, 0.24, 0.22, -125, 140)], [(0.36, 0.14), (0.7, 0.13)]],
        6: [[(0.6, 0.12), (0.42, 0.32), (0.33, 0.58), *arc(0.5, 0.68, 0.18, 0.19, -180, 165)]],
        7: [[(0.28, 0.16), (0.5, 0.15), (0.73, 0.16), (0.6, 0.45), (0.48, 0.88)]],
        8: [[*arc(0.5, 0.3, 0.18, 0.17, -30, -270), *arc(0.5, 0.68, 0.22, 0.2, -90, 265), (0.66, 0.36), (0.64, 0.22)]],
        9: [[*arc(0.5, 0.34, 0.19, 0.2, -10, -355), (0.68, 0.55), (0.62, 0.88)]],
    }
    return shapes[digit]
