"""A foreign bucket, and a deployment that is synced with it."""

from typing import Any

import pytest
from api import Api
from foreign import KEY_ID, SECRET, MakeSource, foreign, make, private, project, ssm
from station import Station
from world import a_deployment

from chalicelib.aws import foreign as aws_foreign
from chalicelib.projects.rules import Project
from localstack.embedded.engines import Engine

__all__ = ["foreign", "make", "private", "project", "ssm"]


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Listings of ten objects a page, so that few objects are many pages."""
    monkeypatch.setattr(aws_foreign, "PAGE", 10)


@pytest.fixture
def station(
    project: Project, make: MakeSource, private: None, foreign: Any, s3: Any, moto_server: Engine, api: Api
) -> Station:
    """A deployment with a data source, on each engine in turn."""
    source = make(endpoint_url=moto_server.url, access_key=KEY_ID, secret_key=SECRET, prefix="moths")
    return Station(a_deployment(project, data_source=source["id"]), foreign, api)
