"""SQS: sending what is to be done later, and taking what nobody could do."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from chalicelib.errors import StorageFault

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

AT_ONCE = 10
"""The most messages one request takes or gives."""

BYTES_AT_ONCE = 262_144
"""The most bytes of messages sent in one request; a larger message goes alone, if the queue takes it."""


@cache
def _client() -> "SQSClient":
    return boto3.client(
        "sqs",
        config=Config(
            connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 4}
        ),
    )


@dataclass(frozen=True, slots=True)
class Received:
    """A message as it was handed out: its text, how often it was, and the handle that deletes it."""

    body: str
    receives: int
    handle: str


def send(queue_url: str, message: Mapping[str, Any]) -> None:
    """Puts one message, as JSON, on a queue."""
    _client().send_message(QueueUrl=queue_url, MessageBody=json.dumps(message))


def send_many(queue_url: str, bodies: Sequence[str]) -> None:
    """Puts messages on a queue, as they are. One request per ten, or per 256 KB.

    Raises StorageFault if the queue would not take one; others may have been sent all the same.
    """
    for batch in _batches(bodies):
        answer = _client().send_message_batch(
            QueueUrl=queue_url,
            Entries=[{"Id": str(number), "MessageBody": body} for number, body in enumerate(batch)],
        )
        for fault in answer.get("Failed", ()):
            raise StorageFault(f"The queue would not take a message: {fault.get('Message')}.")


def receive(queue_url: str) -> list[Received]:
    """Up to ten messages that wait, hidden from others for as long as the queue says. One request.

    It does not wait for any: of few, a distributed queue may show none; they are there the next time.
    """
    answer = _client().receive_message(
        QueueUrl=queue_url,
        MaxNumberOfMessages=AT_ONCE,
        MessageSystemAttributeNames=["ApproximateReceiveCount"],
    )
    return [
        Received(each["Body"], int(each["Attributes"]["ApproximateReceiveCount"]), each["ReceiptHandle"])
        for each in answer.get("Messages", ())
    ]


def delete(queue_url: str, handles: Sequence[str]) -> None:
    """Deletes messages that were received. One request per ten.

    Raises StorageFault if the queue would not delete one: it will hand it out again.
    """
    for at in range(0, len(handles), AT_ONCE):
        entries = enumerate(handles[at : at + AT_ONCE])
        answer = _client().delete_message_batch(
            QueueUrl=queue_url,
            Entries=[{"Id": str(number), "ReceiptHandle": handle} for number, handle in entries],
        )
        for fault in answer.get("Failed", ()):
            raise StorageFault(f"The queue would not delete a message: {fault.get('Message')}.")


def _batches(bodies: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for body in bodies:
        length = len(body.encode())
        if batch and (len(batch) == AT_ONCE or size + length > BYTES_AT_ONCE):
            yield batch
            batch, size = [], 0
        batch.append(body)
        size += length
    if batch:
        yield batch
