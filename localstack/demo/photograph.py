"""One photograph of a night: the sheet, who sits on it, grain, the camera's strip; as JPEG bytes."""

import io
from datetime import date, datetime
from random import Random

from PIL import ExifTags, Image, ImageChops, ImageDraw, ImageFont

from localstack.demo.insects import draw_fly
from localstack.demo.nights import Night
from localstack.demo.sheet import HEIGHT, STRIP_HEIGHT, WIDTH, draw_grain, draw_sheet
from localstack.demo.visitors import plan_visitors

JPEG_QUALITY = 82
_SYNODIC_DAYS = 29.530588
_NEW_MOON = date(2024, 1, 11)


class NightCamera:
    """Takes the photographs of one night. Threads may share it: it only reads once it is made."""

    def __init__(self, night: Night, sheet: Image.Image, grain: Image.Image) -> None:
        self.night = night
        self._sheet = sheet
        self._grain = grain
        self._visitors = plan_visitors(night)
        rng = night.rng("flies")
        self._flies = [
            draw_fly(rng.randint(8, 15), rng).rotate(
                rng.uniform(0, 360), Image.Resampling.BICUBIC, expand=True
            )
            for _ in range(24)
        ]

    def photograph(self, moment: datetime) -> bytes:
        """The JPEG taken at `moment`, the same bytes every time."""
        picture = self._sheet.copy()
        for sitting in self._visitors:
            if sitting.start <= moment < sitting.end:
                picture.paste(sitting.sprite, sitting.corner, sitting.sprite)
        rng = self.night.rng(moment.isoformat())
        self._scatter_flies(picture, moment, rng)
        left, top = rng.randrange(256), rng.randrange(256)
        grain = self._grain.crop((left, top, left + WIDTH, top + HEIGHT))
        picture = ImageChops.add(picture, grain, 1, -128)
        draw_strip(picture, self.night, moment)
        return _jpeg(picture, self.night, moment)

    def _scatter_flies(self, picture: Image.Image, moment: datetime, rng: Random) -> None:
        """Small flies never sit still for long; they are most at dusk."""
        hours = (moment - self.night.at(self.night.station.dusk)).total_seconds() / 3600
        right = 1470 if self.night.station.forest_in_view else WIDTH
        for _ in range(round(rng.uniform(6, 14) + 22 / (1 + hours * 1.6))):
            fly = rng.choice(self._flies)
            picture.paste(fly, (rng.randrange(right), rng.randrange(HEIGHT - STRIP_HEIGHT)), fly)


def station_cameras(nights: list[Night]) -> list[NightCamera]:
    """Cameras of the nights of one station, which share what they can."""
    station = nights[0].station
    sheet, grain = draw_sheet(station), draw_grain(station.code)
    return [NightCamera(night, sheet, grain) for night in nights]


def photograph_name(moment: datetime) -> str:
    """ "20260612_213000.jpg": the camera's clock."""
    return f"{moment:%Y%m%d_%H%M%S}.jpg"


def draw_strip(picture: Image.Image, night: Night, moment: datetime) -> None:
    """The camera's black strip: moon, temperature, station, date and time."""
    draw = ImageDraw.Draw(picture)
    top, middle = HEIGHT - STRIP_HEIGHT, HEIGHT - STRIP_HEIGHT // 2
    draw.rectangle((0, top, WIDTH, HEIGHT), fill=(8, 8, 9))
    _moon(draw, (52, middle), 19, (night.evening - _NEW_MOON).days / _SYNODIC_DAYS % 1)
    font = ImageFont.load_default(34)
    texts: tuple[tuple[float, str, str], ...] = (
        (96, "lm", f"{night.celsius(moment)}°C"),
        (WIDTH * 0.42, "mm", night.station.code),
        (WIDTH - 40, "rm", f"{moment:%d %b %Y   %H:%M:%S}".upper()),
    )
    for x, anchor, text in texts:
        draw.text((x, middle), text, (236, 236, 236), font, anchor=anchor)


def _moon(draw: ImageDraw.ImageDraw, at: tuple[int, int], radius: int, phase: float) -> None:
    """The moon's lit side, `phase` 0 new, 0.5 full; rows of one pixel."""
    draw.ellipse(
        (at[0] - radius, at[1] - radius, at[0] + radius, at[1] + radius), outline=(236, 236, 236), width=2
    )
    waxing, lit = phase < 0.5, 1 - abs(phase * 2 - 1)
    for dy in range(-radius, radius + 1):
        half = (radius**2 - dy**2) ** 0.5
        inner = half * (1 - 2 * lit)
        ends = (inner, half) if waxing else (-half, -inner)
        draw.line([(at[0] + ends[0], at[1] + dy), (at[0] + ends[1], at[1] + dy)], fill=(236, 236, 236))


def _jpeg(picture: Image.Image, night: Night, moment: datetime) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Nightjar"
    exif[ExifTags.Base.Model] = f"Demo camera {night.station.code}"
    exif[ExifTags.Base.DateTime] = f"{moment:%Y:%m:%d %H:%M:%S}"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = f"{moment:%Y:%m:%d %H:%M:%S}"
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=JPEG_QUALITY, exif=exif)
    return buffer.getvalue()
