"""Laboratories: whatever is done in one, every counter follows from the facts in the end."""

from collections.abc import Iterator
from typing import Any

import pytest
from lab import Lab
from study import Study

from localstack.embedded.engines import Engine


@pytest.fixture
def lab(real_table: str, dynamodb_local: Engine, s3: Any) -> Iterator[Lab]:
    """On DynamoDB Local alone."""
    made = Lab(Study(dynamodb_local.url))
    yield made
    made.study.check()


@pytest.fixture
def each_lab(table: str, engine: Engine, s3: Any) -> Iterator[Lab]:
    """On each engine in turn."""
    made = Lab(Study(engine.url))
    yield made
    made.study.check()
