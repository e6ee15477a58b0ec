"""One wing: an outline, zones of colour parallel to its margin, veins, scales and spots.

Coordinates are of the right side of an insect with its head up: x to the right, y down, the middle of
the thorax at 0, 0 and half a wingspan long. They become pixels of a square picture in `Ground`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter

Point = tuple[float, float]
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Spot:
    """An ellipse on a wing, with a ring around it and perhaps a pupil."""

    at: Point
    radius: float
    colour: Colour
    ring: Colour
    pupil: Colour | None = None


@dataclass(frozen=True)
class Wing:
    """How one wing looks. `zones` go from the margin inwards: (fraction of the way out, colour)."""

    outline: Sequence[Point]
    root: Point
    zones: Sequence[tuple[float, Colour]]
    line: Colour
    waviness: float = 0.02
    spots: Sequence[Spot] = ()


@dataclass(frozen=True)
class Ground:
    """A square picture of `side` pixels that holds a whole insect."""

    side: int

    def place(self, point: Point) -> Point:
        """Pixels of a point given in half wingspans."""
        half = self.side / 2
        return half + point[0] * half * 0.94, half + point[1] * half * 0.94

    def length(self, value: float) -> float:
        """Pixels of a length given in half wingspans."""
        return value * self.side / 2 * 0.94


def smooth(points: Sequence[Point], steps: int = 8) -> list[Point]:
    """A closed curve through `points` (Catmull-Rom)."""
    curve = []
    count = len(points)
    for i in range(count):
        a, b, c, d = (points[(i + k) % count] for k in (-1, 0, 1, 2))
        for step in range(steps):
            t = step / steps
            curve.append((_spline(a[0], b[0], c[0], d[0], t), _spline(a[1], b[1], c[1], d[1], t)))
    return curve


def _spline(a: float, b: float, c: float, d: float, t: float) -> float:
    return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)


def tinted(colour: Colour, factor: float) -> Colour:
    """`colour` darker (below 1) or lighter (above 1)."""
    red, green, blue = (max(0, min(255, round(channel * factor))) for channel in colour)
    return red, green, blue


def draw_wing(wing: Wing, ground: Ground, rng: Random) -> Image.Image:
    """The wing alone, RGBA."""
    outline = smooth(wing.outline)
    mask = Image.new("L", (ground.side, ground.side))
    ImageDraw.Draw(mask).polygon([ground.place(p) for p in outline], fill=255)
    picture = Image.new("RGB", mask.size, wing.zones[0][1])
    draw = ImageDraw.Draw(picture)
    wave = rng.uniform(0, math.tau)
    for fraction, colour in wing.zones[1:]:
        edge = [_inwards(wing, p, fraction, i, wave) for i, p in enumerate(outline)]
        shape = [ground.place(p) for p in edge]
        draw.polygon(shape, fill=colour)
        draw.line(
            [*shape, shape[0]], fill=wing.line, width=max(1, round(ground.length(0.016))), joint="curve"
        )
    _veins(draw, wing, outline, ground)
    for spot in wing.spots:
        _spot(draw, spot, ground)
    picture = ImageChops.multiply(picture, _scales(mask.size, rng))
    picture = ImageChops.multiply(picture, _relief(mask, ground))
    edge_pixels = [ground.place(p) for p in outline]
    ImageDraw.Draw(picture).line(
        [*edge_pixels, edge_pixels[0]], fill=tinted(wing.line, 0.9), width=max(1, round(ground.length(0.01)))
    )
    picture.putalpha(mask)
    return picture


def mirrored(right: Image.Image) -> Image.Image:
    """Both sides from the right one."""
    both = right.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    both.alpha_composite(right)
    return both


def _inwards(wing: Wing, point: Point, fraction: float, index: int, wave: float) -> Point:
    """A margin point moved towards the root, unevenly, as the lines on wings are."""
    wobble = 1 + wing.waviness * (math.sin(index * 1.3 + wave) + 0.6 * math.sin(index * 0.47 + wave * 2))
    f = fraction * wobble
    return wing.root[0] + f * (point[0] - wing.root[0]), wing.root[1] + f * (point[1] - wing.root[1])


def _veins(draw: ImageDraw.ImageDraw, wing: Wing, outline: list[Point], ground: Ground) -> None:
    root = ground.place(wing.root)
    for point in outline[4::7]:
        draw.line([root, ground.place(point)], fill=tinted(wing.line, 1.12), width=1)


def _spot(draw: ImageDraw.ImageDraw, spot: Spot, ground: Ground) -> None:
    x, y = ground.place(spot.at)
    for share, colour in ((1.35, spot.ring), (1.0, spot.colour), (0.45, spot.pupil)):
        if colour is not None:
            r = ground.length(spot.radius) * share
            draw.ellipse((x - r, y - r * 1.15, x + r, y + r * 1.15), fill=colour)


def _scales(size: tuple[int, int], rng: Random) -> Image.Image:
    """Mottling of the size of a few scales, nearly white: to be multiplied."""
    small = (max(1, size[0] // 4), max(1, size[1] // 4))
    noise = Image.frombytes("L", small, rng.randbytes(small[0] * small[1])).resize(
        size, Image.Resampling.BICUBIC
    )
    noise = noise.point([198 + value * 57 // 255 for value in range(256)])
    return Image.merge("RGB", (noise, noise, noise))


def _relief(mask: Image.Image, ground: Ground) -> Image.Image:
    """Darker towards the edges, as a wing bends down there: to be multiplied."""
    soft = mask.filter(ImageFilter.GaussianBlur(ground.length(0.07)))
    soft = soft.point([134 + round(value * 121 / 255) for value in range(256)])
    return Image.merge("RGB", (soft, soft, soft))
