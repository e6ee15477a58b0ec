"""Makes the template's table, buckets and queues on the engines, and says what they are called there."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localstack.embedded import template
from localstack.embedded.clients import Clients
from localstack.embedded.engines import Engines
from localstack.embedded.template import REGION, Declared, TemplateError

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import QueueConfigurationTypeDef

TEMPLATE = Path(__file__).resolve().parents[2] / ".chalice" / "resources.json"

TABLE = "AWS::DynamoDB::Table"
BUCKET = "AWS::S3::Bucket"
QUEUE = "AWS::SQS::Queue"

# Backups, encryption at rest, labels: nothing that an emulator could do or a function could notice.
# CORS: moto answers every origin. Names are ours to give.
_IGNORED = {
    TABLE: {"PointInTimeRecoverySpecification", "SSESpecification", "DeletionProtectionEnabled"},
    BUCKET: {
        "BucketEncryption",
        "BucketName",
        "CorsConfiguration",
        "LifecycleConfiguration",
        "OwnershipControls",
        "PublicAccessBlockConfiguration",
    },
    QUEUE: {"KmsMasterKeyId", "QueueName", "SqsManagedSseEnabled"},
}
_LABELS = {"Tags", "TableName"}
_TABLE = {
    "AttributeDefinitions",
    "BillingMode",
    "GlobalSecondaryIndexes",
    "KeySchema",
    "LocalSecondaryIndexes",
    "StreamSpecification",
    "TimeToLiveSpecification",
}
_QUEUE = {
    "DelaySeconds",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "RedrivePolicy",
    "VisibilityTimeout",
}


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue as it is on the engine."""

    name: str
    url: str
    arn: str


@dataclass(frozen=True, slots=True)
class Resources:
    """What the template's logical ids became."""

    table: str
    stream_arn: str
    buckets: Mapping[str, str]
    """Logical id -> name."""
    queues: Mapping[str, Queue]
    """Logical id -> queue."""


def create_resources(clients: Clients, prefix: str = "nightjar-", path: Path = TEMPLATE) -> Resources:
    """Makes what is not there yet and keeps what is: a table on disk stays as it is.

    Every name is `prefix` and the logical id in kebab case; the one table is the prefix alone.
    """
    return _Maker(clients, prefix, template.read(path)).make()


def environment(resources: Resources, engines: Engines) -> dict[str, str]:
    """The environment of the functions: where AWS is, and what their things are called there."""
    return {
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_ENDPOINT_URL": engines.moto.url,
        "AWS_ENDPOINT_URL_DYNAMODB": engines.table.url,
        "AWS_ENDPOINT_URL_DYNAMODB_STREAMS": engines.table.url,
        "NIGHTJAR_TABLE": resources.table,
        "NIGHTJAR_PHOTOS_BUCKET": resources.buckets["PhotosBucket"],
        "NIGHTJAR_THUMBNAILS_BUCKET": resources.buckets["ThumbnailsBucket"],
        "NIGHTJAR_INGEST_QUEUE_URL": resources.queues["IngestQueue"].url,
        "NIGHTJAR_INGEST_DEAD_LETTERS_URL": resources.queues["IngestDeadLetters"].url,
        "NIGHTJAR_JOBS_QUEUE_URL": resources.queues["JobsQueue"].url,
        "NIGHTJAR_ENGINE": engines.title,
        "NIGHTJAR_PRIVATE_ENDPOINTS": "allow",  # a data source may be another server on this machine
    }


def kebab(logical_id: str) -> str:
    """IngestDeadLetters -> ingest-dead-letters."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", logical_id).lower()


@dataclass
class _Maker:
    """Makes each resource once, those it refers to first."""

    clients: Clients
    prefix: str
    declared: Mapping[str, Declared]
    tables: dict[str, tuple[str, str]] = field(default_factory=dict)
    buckets: dict[str, str] = field(default_factory=dict)
    queues: dict[str, Queue] = field(default_factory=dict)

    def make(self) -> Resources:
        for one in self.declared.values():
            if one.kind == TABLE:
                self.table(one)
            elif one.kind == BUCKET:
                self.bucket(one)
            elif one.kind == QUEUE:
                self.queue(one)
            # Alarms, policies, permissions: no engine here would heed them.
        if len(self.tables) != 1:
            raise TemplateError(f"There must be one table, not {len(self.tables)}.")
        [(name, stream_arn)] = self.tables.values()
        return Resources(name, stream_arn, self.buckets, self.queues)

    def reference(self, logical_id: str, attribute: str | None) -> str:
        one = self.declared.get(logical_id)
        if one is not None and one.kind == QUEUE and attribute in (None, "Arn"):
            queue = self.queue(one)
            return queue.arn if attribute else queue.url
        raise TemplateError(f"Nothing here can refer to {logical_id}, {attribute or 'Ref'}.")

    def properties(self, one: Declared, known: set[str]) -> dict[str, Any]:
        ignored = _IGNORED[one.kind] | _LABELS
        found = one.only(known | ignored)
        wanted = {name: value for name, value in found.items() if name not in ignored}
        return dict(template.resolve(wanted, self.reference))

    def table(self, one: Declared) -> None:
        found = self.properties(one, _TABLE)
        name = self.prefix.rstrip("-")
        dynamodb = self.clients.dynamodb
        if name not in dynamodb.list_tables()["TableNames"]:
            expiry = found.pop("TimeToLiveSpecification", None)
            if "StreamSpecification" in found:
                found["StreamSpecification"] = {"StreamEnabled": True, **found["StreamSpecification"]}
            dynamodb.create_table(TableName=name, **found)
            dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
            if expiry:
                dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=expiry)
        description = dynamodb.describe_table(TableName=name)["Table"]
        self.tables[one.logical_id] = name, description.get("LatestStreamArn", "")

    def queue(self, one: Declared) -> Queue:
        if one.logical_id not in self.queues:
            found = self.properties(one, _QUEUE)
            name = self.prefix + kebab(one.logical_id)
            self.queues[one.logical_id] = make_queue(self.clients, name, found)
        return self.queues[one.logical_id]

    def bucket(self, one: Declared) -> None:
        found = self.properties(one, {"NotificationConfiguration"})
        name = self.prefix + kebab(one.logical_id)
        self.clients.s3.create_bucket(Bucket=name)
        if "NotificationConfiguration" in found:
            notified = [_notification(rule) for rule in _queue_rules(one, found["NotificationConfiguration"])]
            self.clients.s3.put_bucket_notification_configuration(
                Bucket=name, NotificationConfiguration={"QueueConfigurations": notified}
            )
        self.buckets[one.logical_id] = name


def make_queue(clients: Clients, name: str, attributes: Mapping[str, Any]) -> Queue:
    """Makes a queue, or finds it. Attributes are CloudFormation's, whose values need not be strings."""
    # SQS takes every attribute as a string, a policy as JSON in one.
    texts = {key: _text(value) for key, value in attributes.items()}
    url = clients.sqs.create_queue(QueueName=name, Attributes=texts)["QueueUrl"]  # type: ignore[arg-type]
    answer = clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return Queue(name, url, answer["Attributes"]["QueueArn"])


def _queue_rules(one: Declared, configuration: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    others = sorted(set(configuration) - {"QueueConfigurations"})
    if others:
        raise TemplateError(f"{one.logical_id}: notifications go to queues here, not by {', '.join(others)}.")
    return list(configuration["QueueConfigurations"])


def _notification(rule: Mapping[str, Any]) -> "QueueConfigurationTypeDef":
    """CloudFormation's rule as the S3 API has it."""
    made: QueueConfigurationTypeDef = {"QueueArn": rule["Queue"], "Events": [rule["Event"]]}
    if "Filter" in rule:
        made["Filter"] = {"Key": {"FilterRules": rule["Filter"]["S3Key"]["Rules"]}}
    return made


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, dict) else str(value)
