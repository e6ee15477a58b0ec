"""SQS -> function, as an event source mapping does it."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from localstack.embedded.invocation import Event, Function, failed_items
from localstack.embedded.pump import Pump
from localstack.embedded.resources import Queue
from localstack.embedded.template import REGION

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

log = logging.getLogger("nightjar.embedded")

LARGEST_BATCH = 10
POLL_SECONDS = 1  # how long a poll waits for a message, and so how long stopping takes
RETRY_SECONDS = 2


class QueuePump(Pump):
    """Hands a queue's messages to a function, `workers` batches of `batch` at most at a time.

    What the function handled is deleted. What it failed at, all of it if it raised, is visible again
    after `retry_seconds` and not only when the queue's visibility timeout is over; the queue's redrive
    policy moves what keeps failing to its dead letters.
    """

    def __init__(
        self,
        sqs: "SQSClient",
        queue: Queue,
        function: Function,
        *,
        workers: int = 1,
        batch: int = LARGEST_BATCH,
        retry_seconds: int = RETRY_SECONDS,
    ) -> None:
        super().__init__(f"{function.name} queue pump", workers)
        self._sqs = sqs
        self._queue = queue
        self._function = function
        self._batch = batch
        self._retry_seconds = retry_seconds

    def turn(self) -> None:
        messages = self._sqs.receive_message(
            QueueUrl=self._queue.url,
            MaxNumberOfMessages=self._batch,
            WaitTimeSeconds=POLL_SECONDS,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        ).get("Messages", [])
        if not messages:
            return
        with self.working():
            if self.stopping.is_set():
                self._give_back(messages, after=0)
                return
            failed = self._call(messages)
            self._give_back([one for one in messages if one["MessageId"] in failed], self._retry_seconds)
            self._delete([one for one in messages if one["MessageId"] not in failed])

    def empty(self) -> bool:
        """Whether no message waits, is delayed or is being handled."""
        names = ("", "NotVisible", "Delayed")
        counts = self._sqs.get_queue_attributes(
            QueueUrl=self._queue.url,
            AttributeNames=["All"],
        )["Attributes"]
        return not any(int(counts[f"ApproximateNumberOfMessages{name}"]) for name in names)  # type: ignore[index]

    def _call(self, messages: Sequence["MessageTypeDef"]) -> set[str]:
        """The ids of the messages the function failed at."""
        ids = {message["MessageId"] for message in messages}
        try:
            answer = self._function(sqs_event(messages, self._queue.arn))
        except Exception:  # the edge: whatever the function raised, AWS would send the batch again
            log.exception("%s failed at a batch of %d", self._function.name, len(messages))
            return ids
        failed = set(failed_items(answer))
        return failed if failed <= ids else ids  # an identifier nobody knows fails the batch, as on AWS

    def _give_back(self, messages: Sequence["MessageTypeDef"], after: int) -> None:
        if messages:
            answer = self._sqs.change_message_visibility_batch(
                QueueUrl=self._queue.url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": one["ReceiptHandle"], "VisibilityTimeout": after}
                    for number, one in enumerate(messages)
                ],
            )
            self._report(answer.get("Failed", []))

    def _delete(self, messages: Sequence["MessageTypeDef"]) -> None:
        if messages:
            answer = self._sqs.delete_message_batch(
                QueueUrl=self._queue.url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": one["ReceiptHandle"]}
                    for number, one in enumerate(messages)
                ],
            )
            self._report(answer.get("Failed", []))

    def _report(self, failures: Sequence[Any]) -> None:
        for failure in failures:
            log.warning("%s: a message stays in flight: %s", self._queue.name, failure)


def sqs_event(messages: Sequence["MessageTypeDef"], arn: str) -> Event:
    """The event Lambda makes of received messages."""
    return {"Records": [_record(message, arn) for message in messages]}


def _record(message: "MessageTypeDef", arn: str) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": dict(message.get("Attributes", {})),
        "messageAttributes": {
            name: {
                "stringValue": value.get("StringValue"),
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": value["DataType"],
            }
            for name, value in message.get("MessageAttributes", {}).items()
        },
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": REGION,
    }
