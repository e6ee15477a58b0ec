"""Insects seen from above, head up, drawn large and made small: RGBA sprites without shadow."""

import math
from collections.abc import Callable
from random import Random

from PIL import Image, ImageDraw

from localstack.demo.species import Moth
from localstack.demo.wings import Colour, Ground, Point, draw_wing, mirrored, smooth, tinted

OVERSAMPLING = 3


def draw_moth(moth: Moth, span: int, rng: Random) -> Image.Image:
    """A moth of `span` pixels from wing tip to wing tip."""
    ground = Ground(span * OVERSAMPLING)
    picture = Image.new("RGBA", (ground.side, ground.side))
    _antennae(picture, moth, ground)
    if moth.body_above:
        for wing in moth.wings:
            picture.alpha_composite(mirrored(draw_wing(wing, ground, rng)))
        _abdomen(picture, moth, ground, rng)
    else:
        _abdomen(picture, moth, ground, rng)
        for wing in moth.wings:
            right = draw_wing(wing, ground, rng)
            # At rest one forewing lies over the other, so the seam is not quite symmetrical.
            picture.alpha_composite(right.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
            picture.alpha_composite(right)
    _thorax(picture, moth, ground, rng)
    return picture.resize((span, span), Image.Resampling.LANCZOS)


def _antennae(picture: Image.Image, moth: Moth, ground: Ground) -> None:
    draw = ImageDraw.Draw(picture)
    width = max(2, round(ground.length(0.018)))
    head = moth.head
    for side in (-1, 1):
        curve = [
            (side * (0.03 + moth.antenna * t**1.3), head - moth.antenna * (0.9 * t - 0.25 * t**2))
            for t in (i / 10 for i in range(11))
        ]
        points = [ground.place(p) for p in curve]
        draw.line(points, fill=(*tinted(moth.fur, 0.55), 255), width=width)
        if moth.feathered:
            for i, (x, y) in enumerate(points[1:-1]):
                reach = ground.length(0.07) * math.sin(math.pi * (i + 1) / 10)
                draw.line(
                    [(x - side * reach, y - reach * 0.4), (x + side * reach * 0.6, y - reach)],
                    fill=(*tinted(moth.fur, 0.75), 220),
                    width=max(1, width // 2),
                )


def _abdomen(picture: Image.Image, moth: Moth, ground: Ground, rng: Random) -> None:
    draw = ImageDraw.Draw(picture)
    length, width = moth.abdomen
    half: list[Point] = [(width * math.cos(t * 1.45) ** 0.8, length * t) for t in (i / 12 for i in range(13))]
    outline = [ground.place(p) for p in [*half, *((-x, y) for x, y in reversed(half))]]
    draw.polygon(outline, fill=(*moth.abdomen_colour, 255))
    for i in range(1, 9):
        w, y = half[i + 2]
        left, right = ground.place((-w, y)), ground.place((w, y))
        colour = tinted(moth.abdomen_colour, 0.62 if i % 2 else 0.8)
        draw.line([left, right], fill=(*colour, 255), width=max(1, round(ground.length(0.02))))
    _fur(draw, ground, rng, moth.abdomen_colour, (0, length * 0.3), (width, length * 0.35), 120)


def _thorax(picture: Image.Image, moth: Moth, ground: Ground, rng: Random) -> None:
    draw = ImageDraw.Draw(picture)
    w, h = moth.thorax
    middle = moth.head + h * 1.05
    for (cy, rx, ry), shade in (((middle, w, h), 1.0), ((moth.head, w * 0.62, w * 0.5), 0.82)):
        (x0, y0), (x1, y1) = ground.place((-rx, cy - ry)), ground.place((rx, cy + ry))
        draw.ellipse((x0, y0, x1, y1), fill=(*tinted(moth.fur, shade), 255))
    _fur(draw, ground, rng, moth.fur, (0, middle), (w, h), 320)
    for side in (-1, 1):
        x, y = ground.place((side * w * 0.5, moth.head - 0.01))
        r = max(1.5, ground.length(0.022))
        draw.ellipse((x - r, y - r, x + r, y + r), fill=(22, 18, 16, 255))


def _fur(
    draw: ImageDraw.ImageDraw, ground: Ground, rng: Random, colour: Colour, at: Point, size: Point, hairs: int
) -> None:
    """Short hairs, combed backwards, within an ellipse."""
    for _ in range(hairs):
        angle, reach = rng.uniform(0, math.tau), math.sqrt(rng.random())
        x, y = at[0] + size[0] * reach * math.cos(angle), at[1] + size[1] * reach * math.sin(angle)
        end = (x * 1.2 + rng.uniform(-0.01, 0.01), y + rng.uniform(0.02, 0.06))
        draw.line(
            [ground.place((x, y)), ground.place(end)],
            fill=(*tinted(colour, rng.uniform(0.68, 1.22)), 255),
            width=2,
        )


def _legs(draw: ImageDraw.ImageDraw, ground: Ground, reach: float, bend: float, colour: Colour) -> None:
    for side in (-1, 1):
        for start, direction in ((-0.12, -0.9), (0.0, 0.05), (0.1, 0.85)):
            knee = (side * reach * 0.55, start + direction * reach * 0.5 - bend)
            foot = (side * reach, start + direction * reach)
            draw.line(
                [ground.place((0, start)), ground.place(knee), ground.place(foot)],
                fill=(*colour, 235),
                width=max(2, round(ground.length(0.02))),
                joint="curve",
            )


def draw_fly(span: int, rng: Random) -> Image.Image:
    """A small fly or midge: dark body, glassy wings."""
    ground = Ground(max(12, span) * OVERSAMPLING)
    picture = Image.new("RGBA", (ground.side, ground.side))
    draw = ImageDraw.Draw(picture)
    dark = tinted((52, 46, 44), rng.uniform(0.6, 1.2))
    _legs(draw, ground, 0.4, 0.05, tinted(dark, 1.8))
    for side in (-1, 1):
        wing = smooth([(0.02 * side, -0.2), (0.42 * side, 0.2), (0.5 * side, 0.85), (0.14 * side, 0.7)])
        draw.polygon([ground.place(p) for p in wing], fill=(96, 94, 104, 150))
    for y, rx, ry in ((0.15, 0.13, 0.42), (-0.22, 0.17, 0.22), (-0.48, 0.13, 0.12)):
        (x0, y0), (x1, y1) = ground.place((-rx, y - ry)), ground.place((rx, y + ry))
        draw.ellipse((x0, y0, x1, y1), fill=(*dark, 255))
    return picture.resize((span, span), Image.Resampling.LANCZOS)


def draw_beetle(span: int, rng: Random) -> Image.Image:
    """A beetle: a dark oval with a seam and the lamp's gleam on it."""
    ground = Ground(span * OVERSAMPLING)
    picture = Image.new("RGBA", (ground.side, ground.side))
    draw = ImageDraw.Draw(picture)
    shell = rng.choice([(58, 38, 26), (30, 28, 32), (88, 52, 26), (38, 46, 34)])
    _legs(draw, ground, 0.62, 0.08, tinted(shell, 0.7))
    for y, rx, ry, shade in ((0.2, 0.38, 0.62, 1.0), (-0.42, 0.3, 0.22, 0.85), (-0.66, 0.18, 0.14, 0.7)):
        (x0, y0), (x1, y1) = ground.place((-rx, y - ry)), ground.place((rx, y + ry))
        draw.ellipse((x0, y0, x1, y1), fill=(*tinted(shell, shade), 255))
    line = max(1, round(ground.length(0.025)))
    draw.line([ground.place((0, -0.3)), ground.place((0, 0.8))], fill=(*tinted(shell, 0.5), 255), width=line)
    (x0, y0), (x1, y1) = ground.place((-0.22, -0.22)), ground.place((-0.08, 0.25))
    draw.ellipse((x0, y0, x1, y1), fill=(*tinted(shell, 2.3), 150))
    return picture.resize((span, span), Image.Resampling.LANCZOS)


def draw_cranefly(span: int, rng: Random) -> Image.Image:
    """A crane fly: all legs."""
    ground = Ground(span * OVERSAMPLING)
    picture = Image.new("RGBA", (ground.side, ground.side))
    draw = ImageDraw.Draw(picture)
    brown = tinted((104, 84, 62), rng.uniform(0.7, 1.1))
    _legs(draw, ground, 0.92, rng.uniform(0.1, 0.2), tinted(brown, 0.7))
    for side in (-1, 1):
        wing = smooth([(0.02 * side, -0.2), (0.35 * side, 0.05), (0.55 * side, 0.4), (0.3 * side, 0.3)])
        draw.polygon([ground.place(p) for p in wing], fill=(150, 136, 118, 130))
    for y, rx, ry in ((0.14, 0.035, 0.36), (-0.2, 0.06, 0.09), (-0.32, 0.04, 0.05)):
        (x0, y0), (x1, y1) = ground.place((-rx, y - ry)), ground.place((rx, y + ry))
        draw.ellipse((x0, y0, x1, y1), fill=(*brown, 255))
    return picture.resize((span, span), Image.Resampling.LANCZOS)


# How to draw them, the least and largest span in pixels, and how common they are.
SMALL: tuple[tuple[Callable[[int, Random], Image.Image], int, int, float], ...] = (
    (draw_fly, 13, 24, 6),
    (draw_beetle, 18, 38, 4),
    (draw_cranefly, 70, 110, 1),
)
