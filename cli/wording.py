"""Words for a terminal."""


def shown(name: str) -> str:
    """`name` without characters that would move a terminal's cursor or cannot be written."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def many(count: int, thing: str) -> str:
    """1 file, 2 files."""
    return f"{count} {thing}{'' if count == 1 else 's'}"
