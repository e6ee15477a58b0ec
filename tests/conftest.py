"""The engines the suite runs on, started once; tables are made anew for each test that asks for one."""

import functools
import hashlib
import itertools
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

ENVIRONMENT = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "NIGHTJAR_TABLE": "set-by-the-table-fixture",
    "NIGHTJAR_PHOTOS_BUCKET": "nightjar-photos-bucket",
    "NIGHTJAR_THUMBNAILS_BUCKET": "nightjar-thumbnails-bucket",
    "NIGHTJAR_INGEST_QUEUE_URL": "http://127.0.0.1:1/ingest",
    "NIGHTJAR_INGEST_DEAD_LETTERS_URL": "http://127.0.0.1:1/ingest-dead-letters",
    "NIGHTJAR_JOBS_QUEUE_URL": "http://127.0.0.1:1/jobs",
}
os.environ.update(ENVIRONMENT)

# DynamoDB Local lives for seconds here: compiled in haste and collected by one thread it takes half the time.
os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")

# Who is started in the background ignores it, and so would all that tests start, which must hear Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

import boto3  # noqa: E402  (after the environment, which it reads)
import botocore.session  # noqa: E402
from api import TOKEN, Api  # noqa: E402
from bucket import Bucket  # noqa: E402
from chalice.test import Client  # noqa: E402
from world import a_deployment, a_project  # noqa: E402

from chalicelib import settings, wiring  # noqa: E402
from chalicelib.aws import queues  # noqa: E402
from chalicelib.aws.table import Row  # noqa: E402
from localstack.embedded.engines import Engine, start_dynamodb_local, start_moto  # noqa: E402

# Each table has a client of its own, and each such client a session, which would read botocore's models anew.
botocore.session.create_loader = functools.cache(botocore.session.create_loader)

# Where other workers have both cores, a quick example may take long.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
_numbers = itertools.count()


@pytest.fixture(scope="session")
def data() -> Path:
    """The optional folder of real photographs and timestamps."""
    if not DATA.is_dir():
        pytest.skip(f"the optional test data is not at {DATA}")
    return DATA


@pytest.fixture(scope="module")
def dynamodb_local() -> Iterator[Engine]:
    """DynamoDB Local, in memory, on a free port; a new one for each file of tests, as it slows down with
    every change it has seen."""
    engine = start_dynamodb_local()
    yield engine
    engine.stop()


@pytest.fixture(scope="session")
def moto_server() -> Iterator[Engine]:
    """moto's server, on a free port."""
    engine = start_moto()
    for service in ("S3", "SQS", "SSM", "STS"):
        os.environ[f"AWS_ENDPOINT_URL_{service}"] = engine.url
    yield engine
    engine.stop()


@pytest.fixture(params=["dynamodb-local", "moto"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn."""
    return request.getfixturevalue({"dynamodb-local": "dynamodb_local", "moto": "moto_server"}[request.param])


@pytest.fixture
def table(engine: Engine) -> Iterator[str]:
    """An empty table on each engine in turn."""
    yield from _table(engine)


@pytest.fixture
def young_engine() -> Iterator[Engine]:
    """A DynamoDB Local of its own with an empty table, for tests of many thousand rows: in an older one
    each request takes a quarter of a millisecond more for every thousand records in its streams."""
    engine = start_dynamodb_local()
    tables = _table(engine)
    next(tables)
    yield engine
    engine.stop()


@pytest.fixture
def real_table(dynamodb_local: Engine) -> Iterator[str]:
    """An empty table on DynamoDB Local alone: for what moto cannot do truly, or at all in time."""
    yield from _table(dynamodb_local)


def _table(engine: Engine) -> Iterator[str]:
    name = f"nightjar-{next(_numbers)}"
    template = json.loads((ROOT / ".chalice" / "resources.json").read_text())
    wanted = dict(template["Resources"]["Table"]["Properties"])
    del wanted["PointInTimeRecoverySpecification"], wanted["TimeToLiveSpecification"]
    wanted["StreamSpecification"] = {"StreamEnabled": True, **wanted["StreamSpecification"]}
    client = boto3.client("dynamodb", endpoint_url=engine.url)
    client.create_table(TableName=name, **wanted)
    Row.Meta.table_name, Row.Meta.host = name, engine.url
    Row._connection = None
    yield name
    client.delete_table(TableName=name)


@pytest.fixture
def buckets(moto_server: Engine) -> Iterator[None]:
    """Both buckets, empty."""
    from chalicelib.aws import objects

    objects._client.cache_clear()
    client = boto3.client("s3", endpoint_url=moto_server.url)
    for name in (ENVIRONMENT["NIGHTJAR_PHOTOS_BUCKET"], ENVIRONMENT["NIGHTJAR_THUMBNAILS_BUCKET"]):
        client.create_bucket(Bucket=name)
    yield
    for name in (ENVIRONMENT["NIGHTJAR_PHOTOS_BUCKET"], ENVIRONMENT["NIGHTJAR_THUMBNAILS_BUCKET"]):
        for entry in client.list_objects_v2(Bucket=name).get("Contents", ()):
            client.delete_object(Bucket=name, Key=entry["Key"])
        client.delete_bucket(Bucket=name)


@pytest.fixture
def s3(buckets: None, moto_server: Engine) -> Any:
    """A client of the storage, both buckets empty."""
    return boto3.client("s3", endpoint_url=moto_server.url)


@pytest.fixture
def bucket(table: str, s3: Any) -> Bucket:
    """The photos bucket, and a deployment, on each engine in turn."""
    return Bucket(s3, a_deployment(a_project()))


@pytest.fixture
def real_bucket(real_table: str, s3: Any) -> Bucket:
    """The photos bucket, and a deployment, on DynamoDB Local alone."""
    return Bucket(s3, a_deployment(a_project()))


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch, moto_server: Engine) -> Iterator[str]:
    """The jobs queue, empty."""
    queues._client.cache_clear()
    sqs = boto3.client("sqs", endpoint_url=moto_server.url)
    url = sqs.create_queue(QueueName="jobs-of-the-tests")["QueueUrl"]
    monkeypatch.setenv("NIGHTJAR_JOBS_QUEUE_URL", url)
    wiring.working.cache_clear()
    yield url
    wiring.working.cache_clear()
    sqs.delete_queue(QueueUrl=url)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, moto_server: Engine) -> Iterator[Api]:
    """The API through Chalice's own front door; TOKEN is the administrator's."""
    monkeypatch.setenv("NIGHTJAR_ADMIN_TOKEN_SHA256", hashlib.sha256(TOKEN.encode()).hexdigest())
    settings.settings.cache_clear()
    from app import app

    with Client(app) as client:
        yield Api(client)
    settings.settings.cache_clear()
