"""The few EXIF tags that matter, read from bytes nobody vouches for. Pure.

Only the three directories that hold them are read, each once, and no value that does not lie wholly inside
the bytes: loops, claimed gigabytes and torn directories cost the tags they hide, never the photograph.
"""

import struct
from dataclasses import dataclass
from typing import Literal

from chalicelib.captures.timestamps import ExifTimes

Value = str | tuple[int, ...] | tuple[float | None, ...]
Directory = dict[int, Value]

_PREFIX = b"Exif\0\0"
_LONGEST_VALUE = 4096

# EXIF type number: bytes per item, and its struct code (None: text, or a pair of two integers).
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 10: 8, 13: 4}
_INTEGERS = {1: "B", 3: "H", 4: "I", 13: "I"}
_PAIRS = {5: "I", 10: "i"}

_ORIENTATION, _MAKE, _MODEL, _DATE_TIME = 0x0112, 0x010F, 0x0110, 0x0132
_DETAIL_AT, _POSITION_AT = 0x8769, 0x8825
_ORIGINAL, _DIGITIZED, _SERIAL, _DNG_SERIAL = 0x9003, 0x9004, 0xA431, 0xC62F
# Of the original, the digitized and the modified date, in this order.
_OFFSETS, _SUBSECONDS = (0x9011, 0x9012, 0x9010), (0x9291, 0x9292, 0x9290)
_WANTED = frozenset(
    (
        *(_ORIENTATION, _MAKE, _MODEL, _DATE_TIME, _DETAIL_AT, _POSITION_AT),
        *(_ORIGINAL, _DIGITIZED, _SERIAL, _DNG_SERIAL, *_OFFSETS, *_SUBSECONDS),
    )
)
_LATITUDE, _LONGITUDE = (1, 2), (3, 4)


@dataclass(frozen=True, slots=True)
class Camera:
    """Which camera it was, as it calls itself; None where it does not say."""

    make: str | None = None
    model: str | None = None
    serial: str | None = None


@dataclass(frozen=True, slots=True)
class Exif:
    """What is read of a photograph's EXIF. `gps` is latitude and longitude in degrees, north and east."""

    orientation: int = 1
    times: ExifTimes = ExifTimes()  # noqa: RUF009  # frozen
    camera: Camera = Camera()  # frozen
    gps: tuple[float, float] | None = None


def read_exif(data: bytes) -> Exif:
    """The tags in an EXIF block or a TIFF file. Whatever cannot be read is as if it were not there."""
    data = data.removeprefix(_PREFIX).removeprefix(_PREFIX)
    order: Literal["<", ">"] = "<" if data[:2] == b"II" else ">"
    if data[:4] not in (b"II*\0", b"MM\0*") or len(data) < 8:
        return Exif()
    main = _directory(data, order, struct.unpack_from(f"{order}I", data, 4)[0], _WANTED)
    detail = _directory(data, order, _integer(main, _DETAIL_AT), _WANTED)
    position = _directory(data, order, _integer(main, _POSITION_AT), frozenset((*_LATITUDE, *_LONGITUDE)))
    orientation = _integer(main, _ORIENTATION)
    return Exif(
        orientation=orientation if 1 <= orientation <= 8 else 1,
        times=_times(main, detail),
        camera=Camera(
            _text(main, _MAKE), _text(main, _MODEL), _text(detail, _SERIAL) or _text(main, _DNG_SERIAL)
        ),
        gps=_gps(position),
    )


def _times(main: Directory, detail: Directory) -> ExifTimes:
    return ExifTimes(
        original=_raw_text(detail, _ORIGINAL),
        digitized=_raw_text(detail, _DIGITIZED),
        modified=_raw_text(main, _DATE_TIME),
        offset=next((text for tag in _OFFSETS if (text := _text(detail, tag))), None),
        subsecond=next((text for tag in _SUBSECONDS if (text := _text(detail, tag))), None),
    )


def _directory(data: bytes, order: str, at: int, wanted: frozenset[int]) -> Directory:
    if not 8 <= at <= len(data) - 2:
        return {}
    (claimed,) = struct.unpack_from(f"{order}H", data, at)
    entries = min(claimed, (len(data) - at - 2) // 12)
    found: Directory = {}
    for index in range(entries):
        tag, kind, count = struct.unpack_from(f"{order}HHI", data, at + 2 + 12 * index)
        value = _value(data, order, at + 10 + 12 * index, kind, count) if tag in wanted else None
        if value is not None:
            found[tag] = value
    return found


def _value(data: bytes, order: str, at: int, kind: int, count: int) -> Value | None:
    size = _SIZES.get(kind, 0) * count
    if size > 4:
        (at,) = struct.unpack_from(f"{order}I", data, at)
    if not 0 < size <= _LONGEST_VALUE or at + size > len(data):
        return None
    if kind in _INTEGERS:
        return struct.unpack_from(f"{order}{count}{_INTEGERS[kind]}", data, at)
    if kind in _PAIRS:
        numbers = struct.unpack_from(f"{order}{2 * count}{_PAIRS[kind]}", data, at)
        pairs = zip(numbers[::2], numbers[1::2], strict=True)
        return tuple(above / below if below else None for above, below in pairs)
    return data[at : at + size].decode("utf-8", "replace")


def _integer(directory: Directory, tag: int) -> int:
    value = directory.get(tag)
    return value[0] if isinstance(value, tuple) and isinstance(value[0], int) else 0


def _raw_text(directory: Directory, tag: int) -> str | None:
    value = directory.get(tag)
    return value if isinstance(value, str) else None


def _text(directory: Directory, tag: int) -> str | None:
    return (_raw_text(directory, tag) or "").partition("\0")[0].strip() or None


def _gps(position: Directory) -> tuple[float, float] | None:
    latitude, longitude = _degrees(position, *_LATITUDE), _degrees(position, *_LONGITUDE)
    if latitude is None or longitude is None or abs(latitude) > 90 or abs(longitude) > 180:
        return None
    # A receiver without a fix writes zeros; no station lies in the Gulf of Guinea.
    return (latitude, longitude) if latitude or longitude else None


def _degrees(position: Directory, side: int, value: int) -> float | None:
    parts = position.get(value)
    if not isinstance(parts, tuple) or len(parts) > 3:
        return None
    degrees = 0.0
    for part, whole in zip(parts, (1, 60, 3600), strict=False):
        if part is None:
            return None
        degrees += part / whole
    return -degrees if _text(position, side) in ("S", "W") else degrees
