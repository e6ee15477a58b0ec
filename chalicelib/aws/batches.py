"""Batches of messages: each is handled by itself, and only what failed comes again."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

log = logging.getLogger("nightjar")

Failures = dict[str, list[dict[str, str]]]


def each_message(event: Mapping[str, Any], handle: Callable[[str], None]) -> Failures:
    """Hands each message's body to `handle`; answers SQS with those that failed, to be sent again.

    A message that fails again and again goes to the queue's dead letters by its redrive policy.
    """
    failed = []
    for record in event["Records"]:
        try:
            handle(record["body"])
        except Exception:  # the edge: whatever it was, the others in the batch must not pay for it
            log.exception("message %s failed", record["messageId"])
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}
