"""After a start: ingest hears of photographs that were sent but not ingested when the stack last ended.

Queues are in memory, so whatever waited in them is gone; the objects and the table tell what it was.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from localstack.embedded.clients import Clients
from localstack.embedded.resources import Resources
from localstack.embedded.template import REGION

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ObjectTypeDef

PAGE = 100
"""Objects looked up at a time: as many as the table answers for in one request."""
MESSAGES_AT_A_TIME = 10


def catch_up(clients: Clients, resources: Resources) -> int:
    """Notifies ingest of each photograph whose present version the table does not have; returns how many.

    The environment of the functions must be set: the table is read as they read it.
    """
    from chalicelib.captures.rules import PREFIX

    bucket = resources.buckets["PhotosBucket"]
    listing = clients.s3.get_paginator("list_objects_v2")
    sent = 0
    for page in listing.paginate(Bucket=bucket, Prefix=PREFIX):
        found = page.get("Contents", [])
        for start in range(0, len(found), PAGE):
            missing = _missing(bucket, found[start : start + PAGE])
            _send(clients, resources.queues["IngestQueue"].url, [_event(bucket, each) for each in missing])
            sent += len(missing)
    return sent


def take_up_jobs() -> int:
    """Has the jobs gone on with that ran when the stack last ended; returns how many."""
    from chalicelib import wiring

    return wiring.working().take_up()


def _missing(bucket: str, found: Sequence["ObjectTypeDef"]) -> list["ObjectTypeDef"]:
    from chalicelib import ids
    from chalicelib.aws import table
    from chalicelib.captures import reading
    from chalicelib.captures.rules import parse_key

    def capture_id(each: "ObjectTypeDef") -> str:
        deployment_id, _ = parse_key(each["Key"]) or ("unassigned", "")
        return ids.capture_id(deployment_id, bucket, each["Key"])

    wanted = [capture_id(each) for each in found]
    rows = table.get_many(map(reading.wanted, wanted), consistent=True)
    versions = {capture.id: capture.facts.version for capture in reading.among(rows, wanted)}
    return [each for each, id_ in zip(found, wanted, strict=True) if versions.get(id_) != _version(each)]


def _version(each: "ObjectTypeDef") -> str:
    return each["ETag"].strip('"')


def _event(bucket: str, each: "ObjectTypeDef") -> Mapping[str, Any]:
    """What S3 says of an object that was put."""
    found = {"key": quote_plus(each["Key"]), "size": each["Size"], "eTag": _version(each)}
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventTime": each["LastModified"].isoformat(),
        "eventName": "ObjectCreated:Put",
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
            "object": found,
        },
    }


def _send(clients: Clients, queue_url: str, events: Sequence[Mapping[str, Any]]) -> None:
    bodies = [json.dumps({"Records": [event]}) for event in events]
    for start in range(0, len(bodies), MESSAGES_AT_A_TIME):
        batch = enumerate(bodies[start : start + MESSAGES_AT_A_TIME])
        answer = clients.sqs.send_message_batch(
            QueueUrl=queue_url,
            Entries=[{"Id": str(number), "MessageBody": body} for number, body in batch],
        )
        if answer.get("Failed"):
            raise RuntimeError(f"The queue refused messages: {answer['Failed']}")
