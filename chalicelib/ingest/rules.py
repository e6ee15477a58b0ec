"""What an S3 notification says. Pure."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote_plus


@dataclass(frozen=True, slots=True)
class ObjectCreated:
    """An object that was put into a bucket. `version` is its ETag."""

    bucket: str
    key: str
    size: int
    version: str


def created(body: str) -> Iterator[ObjectCreated]:
    """The objects a notification reports as created; none for S3's test message.

    Keys come URL-encoded, with "+" for a space.
    """
    for record in json.loads(body).get("Records", ()):
        if record["eventName"].startswith("ObjectCreated:"):
            entry = record["s3"]["object"]
            yield ObjectCreated(
                bucket=record["s3"]["bucket"]["name"],
                key=unquote_plus(entry["key"]),
                size=int(entry.get("size", 0)),
                version=entry.get("eTag", "").strip('"'),
            )
