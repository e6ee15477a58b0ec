"""The API, for those who ask for it."""

import hashlib
from collections.abc import Iterator

import pytest
from api import TOKEN, Api
from chalice.test import Client

from chalicelib import settings
from localstack.embedded.engines import Engine


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, moto_server: Engine) -> Iterator[Api]:
    monkeypatch.setenv("NIGHTJAR_ADMIN_TOKEN_SHA256", hashlib.sha256(TOKEN.encode()).hexdigest())
    settings.settings.cache_clear()
    from app import app

    with Client(app) as client:
        yield Api(client)
    settings.settings.cache_clear()
