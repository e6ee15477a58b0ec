"""The lines of jobs' logs: rows of their own, so that a job stays small and lists read none of them."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pynamodb.attributes import UnicodeAttribute
from pynamodb.transactions import TransactWrite

from chalicelib.aws import keys, table
from chalicelib.aws.table import Row, instant
from chalicelib.jobs.job_type import Level

_LONGEST = 2000


class LogRow(Row):
    """One line."""

    level = UnicodeAttribute()
    message = UnicodeAttribute()


@dataclass(frozen=True, slots=True)
class Line:
    """What was said, and when."""

    at: datetime
    level: Level
    message: str


def add(job_id: str, line: Line) -> None:
    """Writes a line. One request."""
    _row(job_id, line).save()


def noted(job_id: str, line: Line) -> Callable[[TransactWrite], None]:
    """Writes a line as a part of a transaction."""
    row = _row(job_id, line)
    return lambda writing: writing.save(row)


def newest(job_id: str, limit: int) -> list[Line]:
    """The last lines of a job, the newest first. One request per megabyte: some five thousand."""
    within = LogRow.sk.startswith(keys.LOG)
    rows = table.query(LogRow, keys.job(job_id)[0], within, forward=False, limit=limit)
    return [_line(row) for row in rows]


def _row(job_id: str, line: Line) -> LogRow:
    key = keys.log_line(job_id, instant(line.at), secrets.token_hex(4))
    return LogRow(*key, level=line.level, message=line.message[:_LONGEST])


def _line(row: LogRow) -> Line:
    time = row.sk.removeprefix(keys.LOG).partition("#")[0]
    level: Level = row.level  # type: ignore[assignment]
    return Line(datetime.fromisoformat(time), level, row.message)
