"""What the tests of the embedded stack share: clients, names, and an app that does next to nothing."""

import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from localstack.embedded.clients import Clients, connect
from localstack.embedded.engines import Engine, Engines

_numbers = itertools.count(1)

TINY_APP = """
    from chalice import Chalice

    app = Chalice(app_name="tiny")
    seen = []


    @app.route("/api/v2/status")
    def status():
        return {"ok": True}


    @app.on_sqs_message(queue_arn="arn:aws:sqs:us-east-1:000000000000:x")
    def ingest(event):
        seen.extend(record.body for record in event)


    @app.on_sqs_message(queue_arn="arn:aws:sqs:us-east-1:000000000000:x")
    def work(event):
        pass


    @app.on_dynamodb_record("x")
    def settle(event):
        pass


    @app.schedule("rate(1 minute)")
    def watch(event):
        pass
"""


@pytest.fixture(scope="module")
def embedded_engines(dynamodb_local: Engine, moto_server: Engine) -> Engines:
    return Engines(dynamodb_local, moto_server)


@pytest.fixture(scope="module")
def clients(embedded_engines: Engines) -> Clients:
    return connect(embedded_engines)


@pytest.fixture
def unique() -> str:
    """A name nothing else has."""
    return f"test{next(_numbers)}"


@pytest.fixture
def make_app(tmp_path: Path, unique: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], str]]:
    """Writes the source of an app as a module that can be imported, and returns its name."""
    name = f"{unique}_app"
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(source: str = TINY_APP) -> str:
        (tmp_path / f"{name}.py").write_text(dedent(source))
        return name

    yield make
    sys.modules.pop(name, None)
