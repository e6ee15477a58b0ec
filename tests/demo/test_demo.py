"""The drawn demo: the same pictures every time, and a server that ends up with all of them once."""

import io
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from PIL import ExifTags, Image, ImageStat

from localstack.demo import DemoError, make, make_demo
from localstack.demo.nights import STATIONS, Night, latest_night, nights
from localstack.demo.photograph import NightCamera, photograph_name, station_cameras
from tests.cli import test_upload as upload

server = upload.server  # a fixture: the fake server of the upload's tests

LAST = date(2026, 6, 12)
GAP = timedelta(hours=2)
# Fewer photographs, everything else as it is.
SPARSE = [replace(station, minutes_between=110) for station in STATIONS]


@pytest.fixture(scope="module")
def cameras() -> list[NightCamera]:
    return station_cameras(nights(STATIONS[0], LAST))


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def taken(picture: Image.Image) -> datetime:
    value = picture.getexif().get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal]
    return datetime.strptime(value, "%Y:%m:%d %H:%M:%S")


def test_a_photograph_has_its_size_and_the_time_of_its_name(cameras: list[NightCamera]) -> None:
    for moment in cameras[1].night.moments[::23]:
        picture = opened(cameras[1].photograph(moment))
        assert (picture.format, picture.size) == ("JPEG", (1600, 1200))
        assert photograph_name(taken(picture)) == photograph_name(moment)
    assert photograph_name(datetime(2026, 6, 12, 21, 30)) == "20260612_213000.jpg"


def test_the_same_bytes_every_time(cameras: list[NightCamera]) -> None:
    moment = cameras[0].night.moments[40]
    again = station_cameras(nights(STATIONS[0], LAST))[0]
    assert again.photograph(moment) == cameras[0].photograph(moment)


def test_insects_mostly_stay_in_place(cameras: list[NightCamera]) -> None:
    camera = cameras[0]
    moments = camera.night.moments
    middle = len(moments) // 2
    now, soon, late = (
        {id(s) for s in camera._visitors if s.start <= moments[i] < s.end} for i in (middle, middle + 1, -1)
    )
    assert len(now) > 20
    assert len(now & soon) > 0.8 * len(now)
    assert len(now & late) < 0.5 * len(now)


def test_stations_differ_in_white_balance() -> None:
    red, blue = {}, {}
    for station in STATIONS:
        camera = station_cameras(nights(station, LAST))[0]
        red[station.code], _, blue[station.code] = ImageStat.Stat(
            opened(camera.photograph(camera.night.moments[0]))
        ).mean
    assert blue["EDGE-1"] > red["EDGE-1"]
    assert red["EDGE-2"] > blue["EDGE-2"]


@pytest.mark.parametrize("night", [n for station in STATIONS for n in nights(station, LAST)])
def test_a_night_runs_from_dusk_to_dawn_with_a_burst(night: Night) -> None:
    moments = night.moments
    gaps = [after - before for before, after in pairwise(moments)]
    assert 60 <= len(moments) <= 120
    assert moments[0].time() == time(18, 20)
    assert moments[-1] > datetime.combine(night.evening + timedelta(days=1), time(5))
    assert gaps.count(timedelta(seconds=1)) >= 8
    pauses = sum(gap > GAP for gap in gaps)
    assert pauses == (1 if night.station.pause and night.number == night.station.pause[0] else 0)


def test_only_one_night_of_all_is_split() -> None:
    assert [station.pause is not None for station in STATIONS] == [False, True]


@pytest.mark.parametrize(("hour", "day"), [(1, 10), (5, 10), (7, 11), (23, 11)])
def test_the_latest_night_is_over(hour: int, day: int) -> None:
    now = datetime(2026, 6, 12, hour, tzinfo=ZoneInfo("America/Costa_Rica"))
    assert latest_night(now) == date(2026, 6, day)
    assert max(night.moments[-1] for night in nights(STATIONS[0], latest_night(now))) < now.replace(
        tzinfo=None
    )


def test_makes_the_demo_once(server: upload.FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    make_demo(server.url, upload.TOKEN, last_night=LAST, stations=SPARSE)
    expected = sum(len(night.moments) for station in SPARSE for night in nights(station, LAST))
    assert len(server.objects) == len(server.posted) == expected
    assert [row["name"] for row in server.projects.values()] == ["Demo: moths at the forest edge"]
    made = [row for row in server.deployments.values() if row["id"] != "d1"]
    assert {row["timezone"] for row in made} == {"America/Costa_Rica"}
    assert all(9 < row["latitude"] < 11 and -86 < row["longitude"] < -83 for row in made)
    assert "drawing and sending" in capsys.readouterr().out

    make_demo(server.url, upload.TOKEN, last_night=LAST + timedelta(days=5), stations=SPARSE)
    assert len(server.posted) == expected
    assert len(server.projects) == 1
    assert len(server.deployments) == 3


def test_completes_a_demo_that_was_interrupted(server: upload.FakeServer) -> None:
    make_demo(server.url, upload.TOKEN, last_night=LAST, stations=SPARSE[:1])
    key, data = server.objects.popitem()
    server.posted.clear()
    make_demo(server.url, upload.TOKEN, last_night=LAST + timedelta(days=1), stations=SPARSE[:1])
    assert [fields["key"] for fields in server.posted] == [key]
    assert server.objects[key] == data


def test_says_when_captures_do_not_come(
    server: upload.FakeServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make, "_captures", lambda *_: 3)
    make_demo(server.url, upload.TOKEN, stations=SPARSE[:1], ready_seconds=0)
    assert "only 3 of" in " ".join(capsys.readouterr().out.split())


def test_an_error_says_why(server: upload.FakeServer) -> None:
    with pytest.raises(DemoError, match=r"could not be made at http://.*: Invalid token\."):
        make_demo(server.url, "wrong", stations=SPARSE)
