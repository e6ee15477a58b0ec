"""Batches of messages: each is handled by itself, and only what failed comes again."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

log = logging.getLogger("nightjar")

Failures = dict[str, list[dict[str, str]]]

Failed = Callable[[str, int, Exception], None]
"""(body, how often the message was handed out, what was raised)."""


def each_message(
    event: Mapping[str, Any],
    handle: Callable[[str], None],
    failed: Failed | None = None,
    recovered: Callable[[str], None] | None = None,
) -> Failures:
    """Hands each message's body to `handle`; answers SQS with those that failed, to be sent again.

    `failed` is told of each that did; whatever becomes of that, the message comes again. `recovered` is
    told of those that passed but had been handed out before; if it raises, they have failed, too.
    A message that fails again and again goes to the queue's dead letters by its redrive policy.
    """
    told = []
    for record in event["Records"]:
        body, receives = record["body"], int(record["attributes"]["ApproximateReceiveCount"])
        try:
            handle(body)
            if recovered and receives > 1:
                recovered(body)
        except Exception as error:  # the edge: whatever it was, the others in the batch must not pay for it
            log.exception("message %s failed", record["messageId"])
            told.append({"itemIdentifier": record["messageId"]})
            if failed:
                _tell(failed, body, receives, error)
    return {"batchItemFailures": told}


def _tell(failed: Failed, body: str, receives: int, error: Exception) -> None:
    try:
        failed(body, receives, error)
    except Exception:  # the message comes again all the same, and with it the next occasion to note it
        log.exception("the failure could not be noted")
