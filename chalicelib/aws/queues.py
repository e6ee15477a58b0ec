"""SQS: sending what is to be done later."""

import json
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


@cache
def _client() -> "SQSClient":
    return boto3.client(
        "sqs",
        config=Config(
            connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 4}
        ),
    )


def send(queue_url: str, message: Mapping[str, Any]) -> None:
    """Puts one message, as JSON, on a queue."""
    _client().send_message(QueueUrl=queue_url, MessageBody=json.dumps(message))
