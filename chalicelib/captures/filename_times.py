"""The time a file name tells. Pure; what it finds depends on the name alone, never on today.

A name is dated only by a year, a month, a day and a time of day that stand together, the year first:

    20220622000459            14 digits, or 17 with milliseconds
    20220622_000459789        8 digits and 6, or 9 with milliseconds
    2022-06-22 00.04.59       either half may be parted by one sign: - _ . : or a space
    20220622_0004             no seconds
    220622000459              2 digits of the year
    202206220004              no seconds
    2022-06-22                midnight, if the name is nothing but a date

Anything else has no time of day, or might be a serial number: then the name stays silent, so that another
source may speak. So it does where two readings are possible.
"""

import itertools
import re
from datetime import datetime

from chalicelib.captures.wall_clock import CaptureTime, dated, undated

NO_DATE = "the file name holds no date"
NO_TIME_OF_DAY = "the file name holds a date but no time of day"
DAY_FIRST = "the file name puts the year last, so day and month cannot be told apart"
TWO_READINGS = "the digits in the file name can be read as two different times"

# "2024.01.01.12.00.00" ends in seconds, not in an extension: an extension begins with a letter.
_EXTENSION = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,4}$")

# [0-9], not \d: \d takes digits of other alphabets, which nobody's camera writes.
_DATES = (
    r"(?<![0-9])(?P<year>[0-9]{4})(?P<month>[0-9]{2})(?P<day>[0-9]{2})",
    r"(?<![0-9])(?P<year>[0-9]{4})(?P<part>[-_.: ])(?P<month>[0-9]{1,2})(?P=part)(?P<day>[0-9]{1,2})",
)
# Words between the two halves would let any serial number pass for a time: "2021-05-28_SYFR004100".
_GAP = r"(?:[\W_]{1,4}|[\W_]?[Tt][\W_]?|[A-Za-z]|[\W_]at[\W_])"
_MINUTE_GAP = r"(?:[-_. ]{1,2}|[Tt])"
_COMPACT_TIME = r"(?P<hour>[0-9]{2})(?P<minute>[0-9]{2})(?P<second>[0-9]{2})"
_PARTED_TIME = r"(?P<hour>[0-9]{1,2})(?P<tick>[-_.: ])(?P<minute>[0-9]{2})(?P=tick)(?P<second>[0-9]{2})"
# A fraction of a second follows a point and has 3, 6 or 9 digits; after "-" or "_" it is a frame number.
_FRACTION = r"(?:[.,](?P<fraction>[0-9]{3}|[0-9]{6}|[0-9]{9}))?"
# A minus without its colon ("-0700") is rather a frame number.
_OFFSET = r"(?P<offset>\s?\+[0-9]{2}[:.\-]?[0-9]{2}|\s?-[0-9]{2}:[0-9]{2}|[Zz](?![A-Za-z]))?"
_TIMES = (
    _GAP + _COMPACT_TIME + r"(?P<fraction>[0-9]{3})(?![0-9])" + _OFFSET,
    _GAP + _COMPACT_TIME + r"(?![0-9])" + _FRACTION + r"(?![0-9])" + _OFFSET,
    _GAP + _PARTED_TIME + r"(?![0-9])" + _FRACTION + r"(?![0-9])" + _OFFSET,
    _MINUTE_GAP + r"(?P<hour>[0-9]{2})(?P<minute>[0-9]{2})(?![0-9])" + _OFFSET,
    _MINUTE_GAP + r"(?P<hour>[0-9]{2})[:.](?P<minute>[0-9]{2})(?![:.]?[0-9])" + _OFFSET,
)
_RUNS = (
    _DATES[0] + _COMPACT_TIME + r"(?P<fraction>[0-9]{3})(?![0-9])" + _OFFSET,
    _DATES[0] + _COMPACT_TIME + r"(?![0-9])" + _FRACTION + r"(?![0-9])" + _OFFSET,
    _DATES[0].replace("{4}", "{2}") + _COMPACT_TIME + r"(?![0-9])",
    _DATES[0] + r"(?P<hour>[0-9]{2})(?P<minute>[0-9]{2})(?![0-9])",
)
_SHAPES = tuple(
    re.compile(shape)
    for shape in (*_RUNS, *(date + time for date, time in itertools.product(_DATES, _TIMES)))
)
_DATE_ALONE = tuple(re.compile(date + r"(?![0-9])") for date in _DATES)
_YEAR_LAST = re.compile(r"(?<![0-9])[0-9]{1,2}([-_.: ])[0-9]{1,2}\1(?P<year>[0-9]{4})(?![0-9])")


def from_filename(name: str, *, now: datetime) -> CaptureTime:
    """The time in the last component of `name`, its extension put aside; folders are not looked at.

    Of several the first that is possible counts. Undated, with the reason, where there is none.
    """
    stem = _EXTENSION.sub("", re.split(r"[/\\]", name)[-1]).strip()
    year_last = {found.start("year") for found in _YEAR_LAST.finditer(stem)}
    reason = DAY_FIRST if year_last else None
    for readings in _readings(stem, year_last, now):
        possible = {reading.timestamp: reading for reading in readings if reading.timestamp}
        if len(possible) == 1:
            return next(iter(possible.values()))
        reason = reason or (TWO_READINGS if possible else f"in the file name, {readings[0].reason}")
    return _midnight(stem, year_last, now, reason)


def _readings(stem: str, year_last: set[int], now: datetime) -> list[list[CaptureTime]]:
    """What the digits of `stem` can be read as, from left to right; readings of the same digits together."""
    found = [
        (match.span("year")[0], match.end("minute"), match)
        for shape in _SHAPES
        for match in shape.finditer(stem)
        if match.start("year") not in year_last
    ]
    found.sort(key=lambda entry: entry[0])
    return [
        [dated(match.groupdict(), "filename", now=now) for _, _, match in group]
        for _, group in itertools.groupby(found, key=lambda entry: entry[0])
    ]


def _midnight(stem: str, year_last: set[int], now: datetime, reason: str | None) -> CaptureTime:
    for shape in _DATE_ALONE:
        for match in shape.finditer(stem):
            if match.start() in year_last:
                continue
            midnight = dated({**match.groupdict(), "hour": "0", "minute": "0"}, "filename", now=now)
            if midnight.timestamp and match.group() == stem:
                return midnight
            if midnight.timestamp:
                reason = reason or NO_TIME_OF_DAY
    return undated(reason or NO_DATE)
