"""Who sits where on the sheet, and when: insects come, mostly stay in place, and go."""

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from PIL import Image, ImageChops, ImageFilter

from localstack.demo.insects import SMALL, draw_moth
from localstack.demo.nights import BURST_FRAMES, BURST_TRIGGERS_SECONDS, Light, Night
from localstack.demo.sheet import HEIGHT, STRIP_HEIGHT, WIDTH
from localstack.demo.species import SPECIES, Moth

MOTHS_A_NIGHT = 120
SMALL_A_NIGHT = 56
VARIANTS = 3  # drawings of each kind, from which every individual is made

_SHADOW_OFFSET = (4, 7)
_MARGIN = 14  # pixels around a sprite, for its shadow


@dataclass(frozen=True)
class Sitting:
    """A sprite with its shadow, at a corner (pixels), from one moment up to another."""

    start: datetime
    end: datetime
    sprite: Image.Image
    corner: tuple[int, int]


@dataclass(frozen=True)
class _Place:
    """The middle of an insect, its span and the moments it is there."""

    x: float
    y: float
    span: int
    start: datetime
    end: datetime

    def crowds(self, other: "_Place") -> bool:
        """Whether two would sit on top of each other at some moment."""
        meet = self.start < other.end and other.start < self.end
        return meet and math.hypot(self.x - other.x, self.y - other.y) < 0.42 * (self.span + other.span)


def plan_visitors(night: Night) -> list[Sitting]:
    """Everybody of one night, those sitting lowest in the pile first."""
    rng = night.rng("visitors")
    places: list[_Place] = []
    sittings: list[Sitting] = []
    for kind in rng.choices(SPECIES, [moth.share for moth in SPECIES], k=MOTHS_A_NIGHT):
        span = rng.randint(*kind.span)
        place = _free_place(night, rng, span, places)
        if place:
            sprite = _individual(rng.choice(_drawn(kind)), span, rng)
            sittings += _sit(sprite, place, night.station.light, rng)
    for _ in range(SMALL_A_NIGHT):
        draw, least, most, _ = rng.choices(SMALL, [share for *_, share in SMALL])[0]
        span = rng.randint(least, most)
        place = _free_place(night, rng, span, places)
        if place:
            sittings += _sit(draw(span, rng), place, night.station.light, rng)
    return sittings + list(_flying(night, rng))


@functools.cache
def _drawn(kind: Moth) -> tuple[Image.Image, ...]:
    """A few moths of a kind, drawn once at their largest."""
    return tuple(draw_moth(kind, kind.span[1], Random(f"{kind.name} {i}")) for i in range(VARIANTS))


def _individual(model: Image.Image, span: int, rng: Random) -> Image.Image:
    """A moth like `model`, but no two are alike: worn or fresh, slim or broad, a little out of focus."""
    moth = model.resize((max(1, round(span * rng.uniform(0.86, 1.04))), span), Image.Resampling.LANCZOS)
    shade = rng.gauss(1.12, 0.1)
    tables = [[min(255, round(v * shade * tint)) for v in range(256)] for tint in _tints(rng)]
    moth = moth.point([*tables[0], *tables[1], *tables[2], *range(256)])
    return moth.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.8)))


def _tints(rng: Random) -> tuple[float, float, float]:
    warmth = rng.gauss(0, 0.035)
    return 1 + warmth, 1.0, 1 - warmth


def _free_place(night: Night, rng: Random, span: int, places: list[_Place]) -> _Place | None:
    """Somewhere nobody sits, nearer to the lamp than not; None if the sheet is full."""
    start, end = _stay(night, rng)
    right = 1440 if night.station.forest_in_view else WIDTH - 30
    lamp = night.station.light.lamp
    for _ in range(40):
        x, y = rng.gauss(lamp[0] * WIDTH, 480), rng.gauss(lamp[1] * HEIGHT + 120, 360)
        place = _Place(x, y, span, start, end)
        inside = 30 < x < right and 30 < y < HEIGHT - STRIP_HEIGHT - 30
        if inside and not any(place.crowds(other) for other in places):
            places.append(place)
            return place
    return None


def _stay(night: Night, rng: Random) -> tuple[datetime, datetime]:
    """Most come in the first half of the night and stay an hour or several; some until it is day."""
    dusk, dawn = night.at(night.station.dusk), night.at(night.station.dawn)
    start = dusk + (dawn - dusk) * rng.triangular(-0.04, 0.95, 0.22)
    end = start + timedelta(minutes=20 + rng.expovariate(1 / 170))
    return start, min(end, dawn - timedelta(minutes=rng.uniform(-30, 45)))


def _sit(sprite: Image.Image, place: _Place, light: Light, rng: Random) -> Iterator[Sitting]:
    """One or two sittings: some walk a little, once."""
    turn = rng.gauss(0, 55) if rng.random() < 0.8 else rng.uniform(0, 360)
    walks = place.start + (place.end - place.start) * rng.random() if rng.random() < 0.35 else place.end
    yield _sitting(sprite, place.start, walks, (place.x, place.y), turn, light)
    if walks < place.end:
        step, turned = rng.uniform(10, place.span * 0.4 + 12), turn + rng.gauss(0, 35)
        way = math.radians(turned + 90)  # ahead is where the head is
        to = (place.x + step * math.cos(way), place.y - step * math.sin(way))
        yield _sitting(sprite, walks, place.end, to, turned, light)


def _sitting(
    sprite: Image.Image, start: datetime, end: datetime, at: tuple[float, float], turn: float, light: Light
) -> Sitting:
    whole = _with_shadow(_in_light(sprite.rotate(turn, Image.Resampling.BICUBIC, expand=True), at, light))
    return Sitting(start, end, whole, (round(at[0] - whole.width / 2), round(at[1] - whole.height / 2)))


def _in_light(sprite: Image.Image, at: tuple[float, float], light: Light) -> Image.Image:
    """The sprite as bright, and of the tint, as the sheet is there."""
    far = min(1.0, math.hypot(at[0] / WIDTH - light.lamp[0], at[1] / HEIGHT - light.lamp[1]) * 1.1)
    tint = tuple(
        round(min(255, near + (away - near) * far + 12))
        for near, away in zip(light.near, light.far, strict=True)
    )
    lit = ImageChops.multiply(sprite.convert("RGB"), Image.new("RGB", sprite.size, tint))
    lit.putalpha(sprite.getchannel("A"))
    return lit


def _with_shadow(sprite: Image.Image) -> Image.Image:
    size = (sprite.width + 2 * _MARGIN, sprite.height + 2 * _MARGIN)
    dark = Image.new("L", size)
    dark.paste(sprite.getchannel("A").point([value * 2 // 5 for value in range(256)]), (
        _MARGIN + _SHADOW_OFFSET[0], _MARGIN + _SHADOW_OFFSET[1]
    ))  # fmt: skip
    whole = Image.new("RGBA", size, (26, 24, 34, 0))
    whole.putalpha(dark.filter(ImageFilter.GaussianBlur(4)))
    whole.alpha_composite(sprite, (_MARGIN, _MARGIN))
    return whole


def _flying(night: Night, rng: Random) -> Iterator[Sitting]:
    """What set off the motion trigger: a moth on the wing, blurred, elsewhere in every frame."""
    for trigger in BURST_TRIGGERS_SECONDS:
        kind = rng.choice(SPECIES[:6])
        sprite = rng.choice(_drawn(kind)).rotate(rng.uniform(0, 360), Image.Resampling.BICUBIC, expand=True)
        blurred = sprite.resize((sprite.width, round(sprite.height * 1.25))).filter(
            ImageFilter.GaussianBlur(5)
        )
        blurred.putalpha(blurred.getchannel("A").point([value * 3 // 5 for value in range(256)]))
        x, y = rng.uniform(200, 900), rng.uniform(150, 800)
        for frame in range(BURST_FRAMES):
            start = night.at(night.station.burst_at) + timedelta(seconds=trigger + frame)
            yield Sitting(start, start + timedelta(seconds=1), blurred, (round(x), round(y)))
            x, y = x + rng.uniform(60, 220), y + rng.uniform(-140, 140)
