"""The boto3 clients of the embedded stack, pointed at its engines whatever the environment says."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from localstack.embedded.engines import Engines
from localstack.embedded.template import REGION

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient


@dataclass(frozen=True)
class Clients:
    """One client per service; boto3's clients may be shared between threads."""

    dynamodb: "DynamoDBClient"
    streams: "DynamoDBStreamsClient"
    s3: "S3Client"
    sqs: "SQSClient"


def connect(engines: Engines) -> Clients:
    """Clients for these engines."""
    session = boto3.session.Session(
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106
        region_name=REGION,
    )
    config = Config(max_pool_connections=32, retries={"mode": "standard", "max_attempts": 4})
    return Clients(
        dynamodb=session.client("dynamodb", endpoint_url=engines.table.url, config=config),
        streams=session.client("dynamodbstreams", endpoint_url=engines.table.url, config=config),
        s3=session.client("s3", endpoint_url=engines.moto.url, config=config),
        sqs=session.client("sqs", endpoint_url=engines.moto.url, config=config),
    )
