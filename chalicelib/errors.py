"""Everything that can go wrong and is expected to, as one small tree.

    NightjarError
    ├── Invalid            the caller's input does not fit; says which field and why        400
    ├── Unauthenticated    no token, or one nobody knows                                    401
    ├── Forbidden          known, but may not                                               403
    ├── NotFound           there is no such thing, or not for this caller                   404
    ├── Conflict           it changed meanwhile, or is there already                        409
    ├── Unreadable         the bytes are there but are no photograph we can open            422
    ├── LeaseLost          another worker has taken over; what it needs is marked           503
    ├── Busy               others are at it already; again in a moment                      503
    ├── SourceGone         the object behind a capture is no longer in its bucket           404
    ├── SourceSlow         it is there, but does not come in time                           504
    ├── SourceFault        a data source cannot be opened: its address, bucket or credentials    400
    └── StorageFault       the storage did not do as it was asked; again later              503

`http/errors.py` maps each to its status, once.
"""

from collections.abc import Mapping


class NightjarError(Exception):
    """The root: catch it to catch what is expected, and nothing else."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Invalid(NightjarError):
    """Input that does not fit. `fields` names what is wrong, field by field."""

    def __init__(self, detail: str, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.fields = dict(fields or {})


def foreign_cursor() -> Invalid:
    """For a cursor that stands for no place in the list it was sent to."""
    return Invalid("This cursor is none of this list. Start again without it.", {"cursor": "unknown"})


class Unauthenticated(NightjarError):
    """No token, or one nobody knows."""


class Forbidden(NightjarError):
    """Known, but may not."""


class NotFound(NightjarError):
    """There is no such thing, or not for this caller."""


class Conflict(NightjarError):
    """It changed meanwhile, or is there already."""


class Unreadable(NightjarError):
    """The bytes are no photograph we can, or dare, open."""


class LeaseLost(NightjarError):
    """Another worker holds the lease now; the marks it needs are in the table."""


class Busy(NightjarError):
    """Others are doing already what was asked for, and have not come to an end of it."""


class SourceGone(NightjarError):
    """The object behind a capture is no longer in its bucket."""


class SourceSlow(NightjarError):
    """The object behind a capture did not come in time."""


class SourceFault(NightjarError):
    """A data source cannot be opened. `code` says why in one word, as S3 says it where S3 does."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class StorageFault(NightjarError):
    """The storage answered, but did not do as it was asked; asking again may help."""
