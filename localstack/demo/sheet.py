"""The lit sheet behind the insects, and the grain of the pictures. Drawn once for each station."""

import math
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from localstack.demo.nights import Light, Station
from localstack.demo.wings import smooth

WIDTH, HEIGHT = 1600, 1200
STRIP_HEIGHT = 64
GRAIN_DEPTH = 0.09

_SHRINK = 4  # light and folds are soft: drawn at a quarter of the size


def draw_sheet(station: Station) -> Image.Image:
    """The empty sheet, RGB, of the size of a photograph."""
    rng = Random(f"sheet {station.code}")
    sheet = _lit(station.light)
    folds = _folds(rng).resize(sheet.size, Image.Resampling.BICUBIC)
    sheet = ImageChops.soft_light(sheet, Image.merge("RGB", (folds, folds, folds)))
    weave = _weave(rng)
    sheet = ImageChops.overlay(sheet, Image.merge("RGB", (weave, weave, weave)))
    if station.forest_in_view:
        sheet = _before_forest(sheet, rng)
    else:
        _scale_card(sheet)
    return sheet


def draw_grain(seed: str) -> Image.Image:
    """Sensor noise around a middle grey of 128, RGB.

    Larger than a photograph, so that each can take another part of it. Of our own random bytes,
    because those of `Image.effect_noise` cannot be seeded.
    """
    rng = Random(seed)
    size = (WIDTH + 256, HEIGHT + 256)
    bands = [Image.frombytes("L", size, rng.randbytes(size[0] * size[1])) for _ in range(3)]
    grain = Image.merge("RGB", bands).filter(ImageFilter.GaussianBlur(0.7))
    grey = grain.convert("L")
    grain = Image.blend(Image.merge("RGB", (grey, grey, grey)), grain, 0.45)
    return grain.point([round(128 + (value - 128) * GRAIN_DEPTH) for value in range(256)] * 3)


def _lit(light: Light) -> Image.Image:
    """Bright around the lamp, fading to the corners."""
    glow = Image.radial_gradient("L").resize((WIDTH * 2, HEIGHT * 2), Image.Resampling.BICUBIC)
    left, top = round(WIDTH * (1 - light.lamp[0])), round(HEIGHT * (1 - light.lamp[1]))
    glow = glow.crop((left, top, left + WIDTH, top + HEIGHT))
    fall = glow.point([round(255 * (1 - math.exp(-((value / 128) ** 2)))) for value in range(256)])
    near, far = (Image.new("RGB", glow.size, colour) for colour in (light.near, light.far))
    return Image.composite(far, near, fall)


def _folds(rng: Random) -> Image.Image:
    """Wrinkles: a light and a dark flank each, around a middle grey of 128."""
    size = (WIDTH // _SHRINK, HEIGHT // _SHRINK)
    folds = Image.new("L", size, 128)
    for count, length, depth, blur in ((10, 460, 74, 12), (20, 210, 66, 4.5), (16, 100, 60, 1.8)):
        layer = Image.new("L", size, 128)
        draw = ImageDraw.Draw(layer)
        for _ in range(count):
            line = _fold(rng, length)
            width = max(2, round(blur * 1.3))
            draw.line(line, fill=128 - depth, width=width, joint="curve")
            draw.line(
                [(x - width * 0.7, y - width) for x, y in line], fill=128 + depth, width=width, joint="curve"
            )
        folds = ImageChops.add(folds, layer.filter(ImageFilter.GaussianBlur(blur)), 1, -128)
    return folds


def _fold(rng: Random, length: float) -> list[tuple[float, float]]:
    """A slightly bent line; cloth hung from its upper edge falls in steep folds."""
    x, y = rng.uniform(-20, WIDTH / _SHRINK), rng.uniform(-40, HEIGHT / _SHRINK)
    angle, bend = rng.gauss(math.pi * 0.36, 0.45), rng.uniform(-0.012, 0.012)
    points = []
    for _ in range(int(length / 8)):
        points.append((x, y))
        x, y, angle = x + 8 * math.cos(angle), y + 8 * math.sin(angle), angle + bend * 8 / 3
    return points


def _weave(rng: Random) -> Image.Image:
    """Threads along and across, hardly to be seen, around a middle grey."""
    across = Image.frombytes("L", (WIDTH // 2, 1), rng.randbytes(WIDTH // 2)).resize((WIDTH, HEIGHT))
    along = Image.frombytes("L", (1, HEIGHT // 2), rng.randbytes(HEIGHT // 2)).resize((WIDTH, HEIGHT))
    return Image.blend(across, along, 0.5).point([121 + value * 14 // 256 for value in range(256)])


def _before_forest(sheet: Image.Image, rng: Random) -> Image.Image:
    """The sheet's right edge, and behind it leaves that get a little of the light."""
    forest = Image.new("RGB", sheet.size, (7, 9, 6))
    draw = ImageDraw.Draw(forest)
    for _ in range(150):
        x, y, r = rng.uniform(1440, 1660), rng.uniform(-20, HEIGHT), rng.uniform(10, 34)
        turn, shade = rng.uniform(0, math.tau), rng.uniform(0.25, 1.0)
        leaf = smooth([(-1.0, 0.0), (-0.2, -0.34), (1.0, 0.0), (-0.2, 0.34)], 5)
        points = [
            (
                x + r * (px * math.cos(turn) - py * math.sin(turn)),
                y + r * (px * math.sin(turn) + py * math.cos(turn)),
            )
            for px, py in leaf
        ]
        draw.polygon(points, fill=(round(34 * shade), round(44 * shade), round(20 * shade)))
    forest = forest.filter(ImageFilter.GaussianBlur(4))
    edge = [
        (1500 + 14 * math.sin(y / 190) + 7 * math.sin(y / 57 + 1), float(y))
        for y in range(-40, HEIGHT + 41, 20)
    ]
    cloth = Image.new("L", sheet.size)
    ImageDraw.Draw(cloth).polygon([(0, -40), *edge, (0, HEIGHT + 40)], fill=255)
    hem = ImageDraw.Draw(sheet)
    hem.line([(x - 17, y) for x, y in edge], fill=(206, 186, 152), width=2)
    hem.line([(x - 2, y) for x, y in edge], fill=(150, 126, 92), width=5)
    return Image.composite(sheet, forest, cloth.filter(ImageFilter.GaussianBlur(0.8)))


def _scale_card(sheet: Image.Image) -> None:
    """A checkered centimetre scale, as many stations have one."""
    draw = ImageDraw.Draw(sheet)
    x, y, square = 74, HEIGHT - STRIP_HEIGHT - 92, 15
    draw.rectangle((x - 9, y - 7, x + 14 * square + 11, y + 2 * square + 11), fill=(150, 160, 182))
    draw.rectangle((x - 12, y - 12, x + 14 * square + 8, y + 2 * square + 8), fill=(232, 236, 242))
    for i in range(14):
        row = i % 2 * square
        draw.rectangle(
            (x + i * square, y + row, x + (i + 1) * square - 1, y + row + square - 1), fill=(40, 42, 48)
        )
