"""Stream records as Lambda hands them to functions, and as a failure destination gets them."""

import base64
import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from localstack.embedded.delivery import Record
from localstack.embedded.template import ACCOUNT, REGION

MESSAGE_BYTES = 256 * 1024
"""What SQS takes in one message."""

_TTL_PRINCIPAL = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}


def lambda_record(record: Mapping[str, Any], stream_arn: str) -> Record:
    """What boto3 read from a stream, as JSON that Lambda would have made of it."""
    change = _plain(record["dynamodb"])
    event: Record = {
        "eventID": record["eventID"],
        "eventName": record["eventName"],
        "eventVersion": record["eventVersion"],
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,  # DynamoDB Local says "ddblocal"
        "dynamodb": change,
        "eventSourceARN": stream_arn,
    }
    if event["eventName"] not in {"INSERT", "MODIFY", "REMOVE"}:
        # DynamoDB Local's name for what its expiry deletes is UNKNOWN_TO_SDK_VERSION.
        event |= {"eventName": "REMOVE", "userIdentity": _TTL_PRINCIPAL}
    return event


def failure_message(record: Record, shard: str, function: str, tries: int) -> str:
    """What Lambda sends to an on-failure destination, for a batch of this one record.

    Lambda itself leaves the record out, since it can still be read from the stream for a day. Here the
    stream may be gone tomorrow, so it comes along as `payload`, the name it has in S3 destinations,
    unless it is too large for a message.
    """
    change = record["dynamodb"]
    arrived = _iso(datetime.fromtimestamp(change["ApproximateCreationDateTime"], UTC))
    message = {
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "functionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": tries,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": _iso(datetime.now(UTC)),
        "DDBStreamBatchInfo": {
            "shardId": shard,
            "startSequenceNumber": change["SequenceNumber"],
            "endSequenceNumber": change["SequenceNumber"],
            "approximateArrivalOfFirstRecord": arrived,
            "approximateArrivalOfLastRecord": arrived,
            "batchSize": 1,
            "streamArn": record["eventSourceARN"],
        },
    }
    whole = json.dumps({**message, "payload": {"Records": [record]}})
    return whole if len(whole) <= MESSAGE_BYTES else json.dumps(message)  # both are ASCII


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, datetime):
        return value.timestamp()
    return value


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
