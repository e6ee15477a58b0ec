"""What a message of the ingest queue asks for. Pure."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus


@dataclass(frozen=True, slots=True)
class ObjectCreated:
    """An object that was put into a bucket. `version` is its ETag, `stamp` orders what befell it."""

    bucket: str
    key: str
    size: int
    version: str
    stamp: str = ""


@dataclass(frozen=True, slots=True)
class ObjectRemoved:
    """An object that was removed from a bucket, has expired, or got a delete marker."""

    bucket: str
    key: str
    stamp: str = ""


@dataclass(frozen=True, slots=True)
class ReadAgain:
    """A capture whose object is to be read anew, because a person asked for it."""

    capture_id: str


Asked = ObjectCreated | ObjectRemoved | ReadAgain


def read_again(capture_id: str) -> dict[str, str]:
    """The message that has a capture's object read anew."""
    return {"read_again": capture_id}


def asked(body: str) -> Iterator[Asked]:
    """What a message asks for: what an S3 notification reports, or `read_again`; nothing for S3's test
    message.

    Keys come URL-encoded, with "+" for a space.
    """
    message = json.loads(body)
    if "read_again" in message:
        yield ReadAgain(message["read_again"])
    for record in message.get("Records", ()):
        happened = _happened(record)
        if happened:
            yield happened


def _happened(record: dict[str, Any]) -> ObjectCreated | ObjectRemoved | None:
    name, entry = record["eventName"], record["s3"]["object"]
    bucket, key = record["s3"]["bucket"]["name"], unquote_plus(entry["key"])
    if name.startswith(("ObjectRemoved:", "LifecycleExpiration:")):
        return ObjectRemoved(bucket, key, stamp(record))
    if name.startswith("ObjectCreated:"):
        version = entry.get("eTag", "").strip('"')
        return ObjectCreated(bucket, key, int(entry.get("size", 0)), version, stamp(record))
    return None


def stamp(record: dict[str, Any]) -> str:
    """What orders the events of one object: S3's sequencer, then the time, for storages whose sequencers
    are all the same, or that have none.

    Sequencers are hexadecimal, to be compared as if the shorter had zeros at its end; so none has any.
    """
    sequencer = record["s3"]["object"].get("sequencer", "").upper().rstrip("0")
    return f"{sequencer}.{''.join(filter(str.isdigit, record.get('eventTime', '')))}"
