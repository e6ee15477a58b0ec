"""A foreign bucket, and a project that has it for a data source: fixtures for the rooms that use them."""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from api import Api
from world import a_project

from chalicelib import settings
from chalicelib.projects.rules import Project
from localstack.embedded.engines import Engine

BUCKET = "somebody-elses-bucket"
KEY_ID, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCY"  # AWS's own examples

MakeSource = Callable[..., dict[str, Any]]


@pytest.fixture
def private(monkeypatch: pytest.MonkeyPatch, api: Api) -> None:
    """Private addresses may be contacted, as on a laptop."""
    monkeypatch.setenv("NIGHTJAR_PRIVATE_ENDPOINTS", "allow")
    settings.settings.cache_clear()


@pytest.fixture
def foreign(moto_server: Engine) -> Iterator[Any]:
    """A client of a foreign bucket, empty."""
    client = boto3.client("s3", endpoint_url=moto_server.url)
    client.create_bucket(Bucket=BUCKET)
    yield client
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        doomed = [{"Key": entry["Key"]} for entry in page.get("Contents", ())]
        if doomed:
            client.delete_objects(Bucket=BUCKET, Delete={"Objects": doomed, "Quiet": True})
    client.delete_bucket(Bucket=BUCKET)


@pytest.fixture
def ssm(moto_server: Engine) -> Iterator[Any]:
    """A client of the store of secrets, in the end empty."""
    client = boto3.client("ssm", endpoint_url=moto_server.url)
    yield client
    for each in client.describe_parameters()["Parameters"]:
        client.delete_parameter(Name=each["Name"])


@pytest.fixture
def project(table: str) -> Project:
    return a_project()


@pytest.fixture
def make(api: Api, project: Project, ssm: Any) -> MakeSource:
    """Makes a data source by the API."""

    def made(**told: Any) -> dict[str, Any]:
        body = {"project_id": project.id, "name": "Moths of others", "bucket": BUCKET, **told}
        status, source = api.send("POST", "/storage", body)
        assert status == 201, source
        return source  # type: ignore[no-any-return]

    return made
