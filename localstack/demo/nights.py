"""Which station takes a photograph when: two stations, two nights each, all of it fixed but the date."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from localstack.demo.wings import Colour

BURST_TRIGGERS_SECONDS = (0, 21, 64, 90)
BURST_FRAMES = 3
NIGHTS = 2


@dataclass(frozen=True)
class Light:
    """The colour of a lit sheet, near the lamp and far from it, and where the lamp hangs (0 to 1)."""

    near: Colour
    far: Colour
    lamp: tuple[float, float]


@dataclass(frozen=True)
class Station:
    """A camera at a place, and how its nights go. Times are local; `pause` is (night, from, to)."""

    name: str
    code: str
    latitude: float
    longitude: float
    light: Light
    minutes_between: int
    first_celsius: float
    burst_at: time
    pause: tuple[int, time, time] | None = None
    forest_in_view: bool = False
    timezone: str = "America/Costa_Rica"
    dusk: time = time(18, 20)
    dawn: time = time(5, 10)


# Close to the equator nights are alike all year, so the demo is plausible whenever it is made.
STATIONS = (
    Station(
        name="Clearing",
        code="EDGE-1",
        latitude=10.30214,
        longitude=-84.79561,
        light=Light((238, 243, 252), (84, 104, 158), (0.44, 0.36)),
        minutes_between=8,
        first_celsius=20.5,
        burst_at=time(21, 43, 12),
    ),
    Station(
        name="Ridge trail",
        code="EDGE-2",
        latitude=10.31187,
        longitude=-84.78823,
        light=Light((253, 245, 226), (136, 104, 66), (0.5, 0.4)),
        minutes_between=7,
        first_celsius=18.5,
        burst_at=time(20, 12, 40),
        pause=(1, time(22, 50), time(1, 25)),
        forest_in_view=True,
    ),
)


@dataclass(frozen=True)
class Night:
    """One night of a station; `evening` is the date it begins."""

    station: Station
    evening: date
    number: int

    @property
    def moments(self) -> list[datetime]:
        """When a photograph is taken, naive local time, in order and no two alike."""
        start, end = self.at(self.station.dusk), self.at(self.station.dawn)
        step = timedelta(minutes=self.station.minutes_between)
        regular = {start + i * step for i in range(int((end - start) / step) + 1)}
        return sorted(moment for moment in regular | set(self._burst()) if not self._paused(moment))

    def at(self, clock: time) -> datetime:
        """That time of day in this night: of the next day, if before noon."""
        return datetime.combine(self.evening + timedelta(days=clock.hour < 12), clock)

    def celsius(self, moment: datetime) -> int:
        """What the camera's thermometer says: cooler towards dawn."""
        share = (moment - self.at(self.station.dusk)) / timedelta(hours=11)
        return round(self.station.first_celsius - 4.5 * share - 0.8 * self.number + 0.5 * math.sin(share * 9))

    def rng(self, purpose: str) -> Random:
        """Chance that falls the same way every time."""
        return Random(f"{self.station.code} {self.evening} {purpose}")

    def _burst(self) -> Iterator[datetime]:
        """A motion trigger fires several times, a second between its frames."""
        for trigger in BURST_TRIGGERS_SECONDS:
            for frame in range(BURST_FRAMES):
                yield self.at(self.station.burst_at) + timedelta(seconds=trigger + frame)

    def _paused(self, moment: datetime) -> bool:
        if self.station.pause is None or self.station.pause[0] != self.number:
            return False
        return self.at(self.station.pause[1]) < moment < self.at(self.station.pause[2])


def nights(station: Station, last_night: date) -> list[Night]:
    """The station's nights, the last one beginning in the evening of `last_night`."""
    return [Night(station, last_night - timedelta(days=NIGHTS - 1 - i), i) for i in range(NIGHTS)]


def latest_night(now: datetime | None = None) -> date:
    """The evening of the latest night over at the stations `now` (aware): no photograph is of the future."""
    here = (now or datetime.now(UTC)).astimezone(ZoneInfo(STATIONS[0].timezone))
    return (here - timedelta(hours=6)).date() - timedelta(days=1)
