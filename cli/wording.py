"""Words for a terminal."""

from rich.console import Console

LOG_WIDTH = 200


def shown(name: str) -> str:
    """`name` without characters that would move a terminal's cursor or cannot be written."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def many(count: int, thing: str) -> str:
    """1 file, 2 files."""
    return f"{count} {thing}{'' if count == 1 else 's'}"


def console(*, stderr: bool = False) -> Console:
    """Where words go: a terminal as wide as it is, or a log whose lines are not broken."""
    made = Console(highlight=False, stderr=stderr)
    if not made.is_terminal:
        made.width = LOG_WIDTH
    return made
