"""Failures as they are answered, and what is sent to replay them."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints, model_validator

from chalicelib.failures.rules import Failure, State, writable
from chalicelib.http.fields import Body
from chalicelib.ingest.rules import ReadAgain, asked

SHOWN = 2000
"""How many characters of a message are shown: all of what S3 sends, and the beginning of anything else."""

Ids = Annotated[list[Annotated[str, StringConstraints(max_length=100)]], Field(min_length=1, max_length=1000)]


class Replay(Body):
    """Which failures to put back: those of these ids, or all that are given up."""

    ids: Ids | None = None
    all: Literal[True] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "Replay":
        if (self.ids is None) == (self.all is None):
            raise ValueError('send either {"ids": ["…"]} or {"all": true}')
        return self


class FailureAnswer(BaseModel):
    """A message that could not be processed. `bucket` and `key` are null where it names no object."""

    id: str
    state: State
    reason: str
    key: str | None
    bucket: str | None
    tries: int
    first_at: datetime
    last_at: datetime
    body: str

    @classmethod
    def of(cls, failure: Failure) -> "FailureAnswer":
        """A failure as it is answered."""
        bucket, key = object_of(failure.body)
        return cls(
            id=failure.id,
            state=failure.state,
            reason=failure.reason,
            key=key,
            bucket=bucket,
            tries=failure.tries,
            first_at=failure.first_at,
            last_at=failure.last_at,
            body=failure.body[:SHOWN],
        )


def object_of(body: str) -> tuple[str | None, str | None]:
    """Bucket and key of the first object a message is about; (None, None) if it is about none, or cannot
    be read: then that may be why it failed."""
    try:
        for each in asked(body):
            if not isinstance(each, ReadAgain):
                return writable(each.bucket), writable(each.key)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        pass
    return None, None
