"""When a photograph was taken: every name here was met on a card, or is a trap laid for a parser."""

import csv
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.captures.timestamps import CaptureTime, ExifTimes, capture_time, from_exif, from_filename

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
DATA = Path(__file__).parents[3] / "shared" / "data"

DATED = [
    ("20220810231507-00-07.jpg", "2022-08-10 23:15:07.000"),
    ("84-20220916202959-snapshot.jpg", "2022-09-16 20:29:59.000"),
    ("Project_20230801023001_4393.jpg", "2023-08-01 02:30:01.000"),
    ("cam01_20240101120000.jpg", "2024-01-01 12:00:00.000"),
    ("NSCF----_250927194802_0017.JPG", "2025-09-27 19:48:02.000"),
    ("ManFocus_mothbox08_240309200409.jpg", "2024-03-09 20:04:09.000"),
    ("IMG_20230801_123456.jpg", "2023-08-01 12:34:56.000"),
    ("IMG_20230801_123456789.jpg", "2023-08-01 12:34:56.789"),
    ("PXL_20230801_123456789.MP.jpg", "2023-08-01 12:34:56.789"),
    ("20230801_123456_003.jpg", "2023-08-01 12:34:56.000"),
    ("20240101120000123.jpg", "2024-01-01 12:00:00.123"),
    ("DSC00001.20220622.000459.123.jpg", "2022-06-22 00:04:59.123"),
    ("20220622000459-108-SNAPSHOT.JPG", "2022-06-22 00:04:59.000"),
    ("2024-01-01T12:00:00.123456Z", "2024-01-01 12:00:00.123"),
    ("cam12_20240101_120000_small.jpg", "2024-01-01 12:00:00.000"),
    ("a20240101b120000", "2024-01-01 12:00:00.000"),
    ("2024_01_01 12_00_00.jpg", "2024-01-01 12:00:00.000"),
    ("2024-01-01T12:00:00", "2024-01-01 12:00:00.000"),
    ("2024.01.01.12.00.00", "2024-01-01 12:00:00.000"),
    ("2024-06-01--23-05-09.jpg", "2024-06-01 23:05:09.000"),
    ("CAM1-2024-06-01-23-05-09-17.jpg", "2024-06-01 23:05:09.000"),
    ("2024-1-1 1:02:03", "2024-01-01 01:02:03.000"),
    ("202401011200.jpg", "2024-01-01 12:00:00.000"),
    ("20240101120000_20240202120000.jpg", "2024-01-01 12:00:00.000"),
    ("20240101_12-00-00.jpg", "2024-01-01 12:00:00.000"),
    ("2024-01-01_120000.jpg", "2024-01-01 12:00:00.000"),
    ("2024_07_08__20_11_05.jpg", "2024-07-08 20:11:05.000"),
    ("2023-11-10 21.45.39.jpg", "2023-11-10 21:45:39.000"),
    ("2023-11-10 21.45.39", "2023-11-10 21:45:39.000"),
    ("Screenshot 2023-11-10 at 21.45.39.png", "2023-11-10 21:45:39.000"),
    ("20231110T214539.jpg", "2023-11-10 21:45:39.000"),
    ("AREAS 28_20051017_1554.jpg", "2005-10-17 15:54:00.000"),
    ("2024-01-01 12.30.jpg", "2024-01-01 12:30:00.000"),
    ("2024-01-01.jpg", "2024-01-01 00:00:00.000"),
    ("20240101.jpg", "2024-01-01 00:00:00.000"),
    ("café_20220622_000459.jpg", "2022-06-22 00:04:59.000"),
    ("камера_2022-06-22_00-04-59.jpg", "2022-06-22 00:04:59.000"),
    ("🦋_20230101T000000.jpg", "2023-01-01 00:00:00.000"),
    ("20230101_000000/site 3/20240101_120000.jpg", "2024-01-01 12:00:00.000"),
    ("99999999999999_20240101120000.jpg", "2024-01-01 12:00:00.000"),
    ("19900101000000.jpg", "1990-01-01 00:00:00.000"),
    ("20261122110000.jpg", "2026-11-22 11:00:00.000"),
    ("20240229120000.jpg", "2024-02-29 12:00:00.000"),
]

NO_DATE = "the file name holds no date"
NO_TIME = "the file name holds a date but no time of day"
YEAR_LAST = "the file name puts the year last, so day and month cannot be told apart"
UNDATED = [
    *(
        (name, NO_DATE)
        for name in ("10.jpg", "Monday.jpg", "may.jpg", "12-30.jpg", "happybirthday", "", "x/")
    ),
    *((name, NO_DATE) for name in ("1690000000", "1655856299.jpg", "1690000000000", "DSC_1974", "IMG_1234")),
    *((name, NO_DATE) for name in ("1234567890123456", "202401011200001", "202401011200001234")),
    ("2023_WS1_0611_0310_WSCT3059.JPG", NO_DATE),
    ("2024/01/01/120000.jpg", NO_DATE),
    ("20240101/120000.jpg", NO_DATE),
    ("٢٠٢٤٠١٠١١٢٠٠٠٠.jpg", NO_DATE),
    ("IMG_20220622.jpg", NO_TIME),
    ("2021-05-28_SYFR0041.JPG", NO_TIME),
    ("2021-05-28_SYFR004100.JPG", NO_TIME),
    ("20240101_12.jpg", NO_TIME),
    ("01-02-2024 10.30", YEAR_LAST),
    ("01-02-2024-10-30-00.jpg", YEAR_LAST),
    ("25-12-2024 10.30.00.jpg", YEAR_LAST),
    ("201012201530.jpg", "the digits in the file name can be read as two different times"),
    ("20231301120000", "in the file name, 2023-13-01 12:00:00 is no possible date and time"),
    ("20230229120000", "in the file name, 2023-02-29 12:00:00 is no possible date and time"),
    ("x_20240131245959", "in the file name, 2024-01-31 24:59:59 is no possible date and time"),
    ("20220230235960.jpg", "in the file name, 2022-02-30 23:59:60 is no possible date and time"),
    ("capture_250230120000", "in the file name, 2025-02-30 12:00:00 is no possible date and time"),
    ("00000000000000", "in the file name, 0000-00-00 00:00:00 is no possible date and time"),
    ("690101000000", "in the file name, 1969-01-01 00:00:00 is before 1990: the clock was not set"),
    ("680101000000", "in the file name, 2068-01-01 00:00:00 lies in the future"),
    ("99991231235959", "in the file name, 9999-12-31 23:59:59 lies in the future"),
    ("20261122130000.jpg", "in the file name, 2026-11-22 13:00:00 lies in the future"),
]


def spelled(taken: CaptureTime) -> str:
    return f"{taken.timestamp}.{taken.millisecond:03}"


@pytest.mark.parametrize(("name", "expected"), DATED)
def test_a_name_with_a_date_and_a_time_is_dated(name: str, expected: str) -> None:
    taken = from_filename(name, now=NOW)
    assert (spelled(taken), taken.source, taken.reason) == (expected, "filename", None)


@pytest.mark.parametrize(("name", "reason"), UNDATED)
def test_a_name_without_a_certain_time_is_undated_and_says_why(name: str, reason: str) -> None:
    taken = from_filename(name, now=NOW)
    assert (taken.timestamp, taken.source, taken.reason) == (None, None, reason)


@pytest.mark.parametrize(
    ("name", "offset"),
    [
        ("2024-01-01 12:00:00+05:00", "+05:00"),
        ("2024-01-01 12:00:00 +0530", "+05:30"),
        ("20240101T120000Z.jpg", "+00:00"),
        ("2024-01-01T12:00:00.000-04:00", "-04:00"),
        ("20240101120000-0400.jpg", None),
        ("20240101120000-00-07.jpg", None),
        ("20240101120000Zoo.jpg", None),
        ("20240101120000+9900.jpg", None),
    ],
)
def test_a_zone_offset_is_recorded_and_never_applied(name: str, offset: str | None) -> None:
    taken = from_filename(name, now=NOW)
    assert (taken.timestamp, taken.offset) == (datetime(2024, 1, 1, 12), offset)


@given(st.text())
@example("12-30")
@example("May 10 2024")
def test_no_name_with_less_than_six_digits_gets_a_date(name: str) -> None:
    if len(re.findall(r"[0-9]", name)) < 6:
        assert from_filename(name, now=NOW).timestamp is None


@given(
    st.text(alphabet="0123456789-_. TZabIMG:+/", max_size=40),
    st.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2030, 1, 1)),
)
def test_a_time_once_found_does_not_depend_on_today(name: str, today: datetime) -> None:
    early = from_filename(name, now=datetime(2026, 1, 1))
    if early.timestamp:
        assert from_filename(name, now=today) == early


@given(
    st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2026, 1, 1)),
    st.sampled_from(
        ["%Y%m%d%H%M%S", "%Y%m%d_%H%M%S", "%Y-%m-%d %H.%M.%S", "%Y-%m-%dT%H:%M:%S", "%Y%m%d_%H-%M-%S"]
    ),
    st.sampled_from(["", "cam_", "7-", "a"]),
    st.sampled_from(["", "_4393", "-snapshot", " (1)"]),
)
def test_every_time_that_a_camera_can_write_is_read_back(
    taken: datetime, form: str, before: str, after: str
) -> None:
    name = f"{before}{taken:{form}}{after}.jpg"
    assert from_filename(name, now=NOW).timestamp == taken.replace(microsecond=0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2019:03:16 14:18:19", "2019-03-16 14:18:19.000"),
        ("2020-04-22 16:31:11", "2020-04-22 16:31:11.000"),
        ("2019:03:16 14:18:19\0", "2019-03-16 14:18:19.000"),
        ("2019:03:16 14:18:19\0noon", "2019-03-16 14:18:19.000"),
        ("  2019/03/16 14.18.19  ", "2019-03-16 14:18:19.000"),
        ("2019-03-16T14:18:19Z", "2019-03-16 14:18:19.000"),
        ("2019:03:16 14:18:19.042", "2019-03-16 14:18:19.042"),
        ("2019:03:16 14:18", "2019-03-16 14:18:00.000"),
    ],
)
def test_an_exif_date_is_read_with_odd_signs_and_leftovers(text: str, expected: str) -> None:
    assert spelled(from_exif(ExifTimes(original=text), now=NOW)) == expected


BLANK = "EXIF DateTimeOriginal: the date is blank: the clock was not set"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        *(
            (text, BLANK)
            for text in ("0000:00:00 00:00:00", "    :  :     :  :  ", "", "\0\0\0", "0000-00-00")
        ),
        ("2019:03:16", "EXIF DateTimeOriginal: '2019:03:16' is no date with a time of day"),
        ("yesterday", "EXIF DateTimeOriginal: 'yesterday' is no date with a time of day"),
        (
            "2019:02:30 24:60:61",
            "EXIF DateTimeOriginal: 2019-02-30 24:60:61 is no possible date and time",
        ),
        (
            "1970:01:01 00:00:00",
            "EXIF DateTimeOriginal: 1970-01-01 00:00:00 is before 1990: the clock was not set",
        ),
        ("2099:12:31 23:59:59", "EXIF DateTimeOriginal: 2099-12-31 23:59:59 lies in the future"),
    ],
)
def test_an_exif_date_that_cannot_be_is_refused_with_a_reason(text: str, reason: str) -> None:
    assert from_exif(ExifTimes(original=text), now=NOW) == CaptureTime(None, reason=reason)


def test_the_first_possible_exif_date_counts() -> None:
    exif = ExifTimes("0000:00:00 00:00:00", "2019:03:16 14:18:20", "2019:05:01 09:00:00")
    assert from_exif(exif, now=NOW).timestamp == datetime(2019, 3, 16, 14, 18, 20)
    only_modified = ExifTimes(modified="2019:05:01 09:00:00")
    assert from_exif(only_modified, now=NOW).timestamp == datetime(2019, 5, 1, 9)
    assert from_exif(ExifTimes(), now=NOW).reason == "the photograph carries no EXIF date"


@pytest.mark.parametrize(
    ("subsecond", "millisecond"),
    [("042", 42), ("7  ", 700), ("123456", 123), ("00\0", 0), (None, 0), ("x", 0), ("", 0), ("-1", 0)],
)
def test_exif_subseconds_are_digits_after_the_point(subsecond: str | None, millisecond: int) -> None:
    exif = ExifTimes(original="2019:03:16 14:18:19", subsecond=subsecond)
    assert from_exif(exif, now=NOW).millisecond == millisecond


@pytest.mark.parametrize(
    ("offset", "expected"),
    [("+05:30", "+05:30"), ("-04:00", "-04:00"), ("   :  ", None), ("+99:00", None), ("Z", "+00:00")],
)
def test_an_exif_offset_is_recorded_where_it_is_one(offset: str, expected: str | None) -> None:
    exif = ExifTimes(original="2019:03:16 14:18:19", offset=offset)
    assert from_exif(exif, now=NOW).offset == expected


def test_the_name_wins_over_exif_unless_told_otherwise() -> None:
    exif = ExifTimes(original="2024:03:09 20:04:10")
    by_name = capture_time("240309200409.jpg", exif, now=NOW)
    assert by_name == CaptureTime(datetime(2024, 3, 9, 20, 4, 9), source="filename")
    by_exif = capture_time("240309200409.jpg", exif, now=NOW, sources=["exif", "filename"])
    assert by_exif == CaptureTime(datetime(2024, 3, 9, 20, 4, 10), source="exif")


def test_exif_decides_where_the_name_holds_no_time() -> None:
    exif = ExifTimes(original="2021:05:29 03:51:33")
    taken = capture_time("2021-05-28_SYFR0041.JPG", exif, now=NOW)
    assert taken == CaptureTime(datetime(2021, 5, 29, 3, 51, 33), source="exif")


@pytest.mark.parametrize(
    ("exif_time", "conflict"),
    [("2024:01:01 12:02:00", False), ("2024:01:01 12:02:01", True), ("2024:01:01 11:57:59", True)],
)
def test_sources_more_than_two_minutes_apart_are_in_conflict(exif_time: str, conflict: bool) -> None:
    taken = capture_time("20240101120000.jpg", ExifTimes(original=exif_time), now=NOW)
    assert (taken.timestamp, taken.conflict) == (datetime(2024, 1, 1, 12), conflict)


def test_a_source_that_is_not_asked_neither_dates_nor_contradicts() -> None:
    exif = ExifTimes(original="2019:03:16 14:18:19")
    taken = capture_time("20240101120000.jpg", exif, now=NOW, sources=["filename"])
    assert (taken.timestamp, taken.conflict) == (datetime(2024, 1, 1, 12), False)


def test_without_any_time_both_reasons_are_given() -> None:
    taken = capture_time("DSC_1974.jpg", None, now=NOW)
    assert taken == CaptureTime(
        None, reason="the file name holds no date; the photograph carries no EXIF date"
    )


def test_an_unknown_source_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="'moon' is no source"):
        capture_time("x.jpg", None, now=NOW, sources=["moon"])


def test_a_whole_night_of_a_mothbox_is_dated_by_name_and_agrees_with_exif() -> None:
    table = DATA / "timestamps" / "mothbox08_night_2024-03-09.csv"
    if not table.exists():
        pytest.skip(f"the optional photographs are not at {DATA}")
    rows = list(csv.DictReader(table.open()))
    assert len(rows) == 127
    for row in rows:
        exif = ExifTimes(original=row["exif_DateTimeOriginal"])
        taken = capture_time(row["filename"], exif, now=NOW)
        assert (str(taken.timestamp), taken.conflict) == (row["filename_time"], False)
