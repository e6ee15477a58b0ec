"""Sessions in words. Pure."""

from datetime import date, datetime, timedelta


def date_label(start: datetime, end: datetime) -> str:
    """The day or days of a session: "Friday, Jun 9 2026", "Friday, Jun 9–10 2026",
    "Tuesday, Jun 30 – Jul 1 2026", "Wednesday, Dec 31 2025 – Jan 1 2026"."""
    day = f"{start:%A, %b} {start.day}"
    if start.date() == end.date():
        return f"{day} {start.year}"
    if start.year != end.year:
        return f"{day} {start.year} – {end:%b} {end.day} {end.year}"
    if start.month != end.month:
        return f"{day} – {end:%b} {end.day} {end.year}"
    return f"{day}–{end.day} {end.year}"


def night(start: datetime) -> date:
    """The date of the night a session belongs to: nights are counted from noon to noon."""
    return (start - timedelta(hours=12)).date()


def duration_label(duration: timedelta) -> str:
    """A duration in its two largest units: "5 minutes", "2 hours 30 min", "2 days 5 hours"."""
    minutes = int(duration.total_seconds()) // 60
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{_many(days, 'day')} {_many(hours, 'hour')}" if hours else _many(days, "day")
    if hours:
        return f"{_many(hours, 'hour')} {rest} min" if rest else _many(hours, "hour")
    return _many(minutes, "minute")


def _many(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
