"""Events in the shapes AWS sends them."""

import itertools
import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import quote_plus

_numbers = itertools.count(1)
_BEGIN = datetime(2026, 6, 9, 21, 30)

Storage = Literal["S3", "LocalStack", "moto"]
"""Whose sequencers: true ones, always the same, or none at all."""


def object_created(bucket: str, key: str, version: str, size: int = 1, storage: Storage = "S3") -> str:
    """The body of a notification that an object was put, after all that was notified before."""
    return _notification("ObjectCreated:Post", bucket, key, storage, {"size": size, "eTag": version})


def object_removed(bucket: str, key: str, storage: Storage = "S3") -> str:
    """The body of a notification that an object was removed, after all that was notified before."""
    return _notification("ObjectRemoved:Delete", bucket, key, storage, {})


def _notification(name: str, bucket: str, key: str, storage: Storage, more: dict[str, Any]) -> str:
    number = next(_numbers)
    entry = {"key": quote_plus(key, safe="/"), **more}
    if storage != "moto":
        sequencer = 0x0055AED6DCD90281 + (number if storage == "S3" else 0)
        entry["sequencer"] = f"{sequencer:016X}"
    moment = _BEGIN + timedelta(milliseconds=number)
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": f"{moment.isoformat(timespec='milliseconds')}Z",
        "eventName": name,
        "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": bucket}, "object": entry},
    }
    return json.dumps({"Records": [record]})


TEST_MESSAGE = json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "photos"})


def sqs_event(bodies: Iterable[str]) -> dict[str, Any]:
    """A batch of messages."""
    return {
        "Records": [
            {
                "messageId": f"message-{number}",
                "receiptHandle": f"receipt-{number}",
                "body": body,
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {},
                "md5OfBody": "",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:ingest",
                "awsRegion": "us-east-1",
            }
            for number, body in enumerate(bodies)
        ]
    }
