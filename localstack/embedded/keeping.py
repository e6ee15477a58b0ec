"""Wires the originals in: a queue of its own that both buckets notify, beside the functions' queues."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from localstack.embedded.clients import Clients
from localstack.embedded.invocation import Event, Function, Handler
from localstack.embedded.originals import Originals
from localstack.embedded.queue_pump import QueuePump
from localstack.embedded.resources import Queue, make_queue

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import QueueConfigurationTypeDef

KEEPERS = 2
"""Objects written to disk at a time, beside those that ingest is about to read."""


def keeper_pump(clients: Clients, originals: Originals, buckets: Iterable[str], name: str) -> QueuePump:
    """A pump, not started yet, that mirrors what is created in and removed from these buckets."""
    queue = make_queue(clients, name, {"VisibilityTimeout": 60})
    for bucket in buckets:
        _also_notify(clients, bucket, queue)

    def keep(event: Event, _context: Any) -> None:
        originals.mirror_event(event)

    return QueuePump(clients.sqs, queue, Function("keep", keep), workers=KEEPERS)


def after_keeping(originals: Originals, handler: Handler) -> Handler:
    """The handler, called only once the objects its event speaks of are on disk."""

    def handle(event: Event, context: Any) -> Any:
        originals.mirror_event(event)
        return handler(event, context)

    return handle


def _also_notify(clients: Clients, bucket: str, queue: Queue) -> None:
    found = clients.s3.get_bucket_notification_configuration(Bucket=bucket)
    keeping: QueueConfigurationTypeDef = {
        "Id": queue.name,
        "QueueArn": queue.arn,
        "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"],
    }
    others = [rule for rule in found.get("QueueConfigurations", []) if rule["QueueArn"] != queue.arn]
    clients.s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [*others, keeping]}
    )
