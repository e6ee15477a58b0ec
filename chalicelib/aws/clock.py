"""The one clock. Rules never read it: they are handed the time."""

from datetime import UTC, datetime


def now() -> datetime:
    """The present instant, UTC, aware."""
    return datetime.now(UTC)
