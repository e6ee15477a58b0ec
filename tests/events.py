"""Events in the shapes AWS sends them."""

import itertools
import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote_plus

_sequencers = itertools.count(0x0055AED6DCD90281)


def object_created(bucket: str, key: str, version: str, size: int = 1) -> str:
    """The body of a notification that an object was put, after all that was notified before."""
    return _notification("ObjectCreated:Post", bucket, key, {"size": size, "eTag": version})


def object_removed(bucket: str, key: str) -> str:
    """The body of a notification that an object was removed, after all that was notified before."""
    return _notification("ObjectRemoved:Delete", bucket, key, {})


def _notification(name: str, bucket: str, key: str, more: dict[str, Any]) -> str:
    entry = {"key": quote_plus(key, safe="/"), **more, "sequencer": f"{next(_sequencers):016X}"}
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": "2026-06-09T21:30:00.000Z",
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
