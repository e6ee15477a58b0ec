"""Rows that hold settings of the rule of sessions."""

from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.update import Action

from chalicelib.aws.table import Row, integer, put_or_drop
from chalicelib.sessions.rules import RuleSettings


class RuledRow(Row):
    """A row with settings of the rule of sessions; what is not set is not there."""

    session_time_gap_seconds = NumberAttribute(null=True)
    session_max_duration_seconds = NumberAttribute(null=True)
    session_cut_time = UnicodeAttribute(null=True)


def values_of(settings: RuleSettings) -> dict[str, Any]:
    """Settings as a new row takes them."""
    return {
        "session_time_gap_seconds": settings.gap_seconds,
        "session_max_duration_seconds": settings.cap_seconds,
        "session_cut_time": settings.cut_time,
    }


def setting(row: type[RuledRow], settings: RuleSettings) -> list[Action]:
    """The actions that write settings."""
    return [put_or_drop(getattr(row, name), value) for name, value in values_of(settings).items()]


def settings_of(row: RuledRow) -> RuleSettings:
    """The settings a row holds."""
    return RuleSettings(
        integer(row.session_time_gap_seconds),
        integer(row.session_max_duration_seconds),
        row.session_cut_time,
    )
