"""The office, on each engine in turn or on DynamoDB Local alone."""

from typing import Any

import pytest
from office import Office

from localstack.embedded.engines import Engine


@pytest.fixture
def office(table: str, engine: Engine, s3: Any) -> Office:
    return Office(engine.url)


@pytest.fixture
def real_office(real_table: str, dynamodb_local: Engine, s3: Any) -> Office:
    return Office(dynamodb_local.url)
