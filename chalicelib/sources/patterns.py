"""Regular expressions that people send. RE2 matches them in time linear in the key, whatever they are."""

from collections.abc import Callable

from chalicelib.sources.rules import LONGEST_PATTERN

MOST_MEMORY = 1 << 20
"""Bytes one pattern may take, compiled. It bounds the factor of the linear time, too."""


def compiled(pattern: str) -> Callable[[str], bool]:
    """Whether a key holds a match of the pattern, case and all. Raises ValueError if it is no pattern, or
    one that needs going back: look-around, references."""
    import re2

    if len(pattern) > LONGEST_PATTERN:
        raise ValueError(f"at most {LONGEST_PATTERN} characters")
    options = re2.Options()
    options.max_mem = MOST_MEMORY
    options.log_errors = False
    try:
        program = re2.compile(pattern, options)
    except (re2.error, UnicodeEncodeError) as error:
        raise ValueError(f"no regular expression of RE2 ({_why(error)})") from None

    def matches(key: str) -> bool:
        return program.search(key) is not None

    return matches


def checked(pattern: str) -> str:
    """The pattern, if it is one. Raises ValueError."""
    compiled(pattern)
    return pattern


def _why(error: Exception) -> str:
    told = error.args[0] if error.args else ""
    if isinstance(error, UnicodeEncodeError):
        return "a sign that is no character"
    return told.decode(errors="replace") if isinstance(told, bytes) else str(told)
