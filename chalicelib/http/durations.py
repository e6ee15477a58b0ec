"""Durations and times of day as people send them."""

import re
from datetime import time
from decimal import Decimal
from typing import Any

from chalicelib.sessions.rules import OFF

_UNITS = {"d": 86_400, "h": 3600, "m": 60, "min": 60, "s": 1}
_WORDS = {"days": 86_400, "hours": 3600, "minutes": 60, "seconds": 1}
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)\s*(d|h|min|m|s)\s*", re.ASCII)
_CUT = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)


def seconds(value: Any) -> Any:
    """A duration in seconds from "2h", "1d 12h" or {"hours": 2}; anything else is left as it is. Raises
    ValueError for what is meant as a duration and is none."""
    if isinstance(value, dict):
        return _whole(_of_words(value))
    if isinstance(value, str):
        return _whole(_of_text(value))
    return value


def seconds_or_off(value: Any) -> Any:
    """As `seconds`; "off" is 0."""
    return 0 if value == OFF else seconds(value)


def cut_time(value: str) -> str:
    """A time of day like "12:00", or "off". Raises ValueError for anything else."""
    if value == OFF:
        return value
    if not _CUT.fullmatch(value):
        raise ValueError('a time of day like "12:00", or "off"')
    return time.fromisoformat(value).isoformat(timespec="minutes")


def _of_words(value: dict[Any, Any]) -> Decimal:
    known = value and value.keys() <= _WORDS.keys()
    if not known or any(type(each) not in (int, float) or not 0 <= each < 1e9 for each in value.values()):
        raise ValueError('days, hours, minutes or seconds, like {"hours": 2}')
    # By their digits: in binary 1.1 hours are no whole seconds.
    return sum((_WORDS[word] * Decimal(str(number)) for word, number in value.items()), Decimal())


def _of_text(value: str) -> Decimal:
    parts, total, at = value.strip(), Decimal(), 0
    while at < len(parts):
        part = _PART.match(parts, at)
        if part is None:
            break
        total += Decimal(part[1]) * _UNITS[part[2]]
        at = part.end()
    if at < len(parts) or not parts:
        raise ValueError('seconds, or a duration like "2h" or "1d 12h"')
    return total


def _whole(total: Decimal) -> int:
    if total != int(total):
        raise ValueError("whole seconds")
    return int(total)
