"""The API through Chalice's own front door, as a client sees it."""

import json
from typing import Any

from chalice.test import Client

TOKEN = "a token of the tests"
AUTHORISED = {"Authorization": f"Token {TOKEN}"}


class Api:
    """The API, as a client sees it: statuses and JSON."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def get(self, path: str, **headers: str) -> tuple[int, Any]:
        return self._told(
            self._client.http.get(f"/api/v2{path}", headers={"Host": "nightjar.test", **headers})
        )

    def send(
        self, method: str, path: str, body: Any, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        sent = {"Host": "nightjar.test", "Content-Type": "application/json", **(headers or AUTHORISED)}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._told(self._client.http.request(method, f"/api/v2{path}", headers=sent, body=data))

    def _told(self, answer: Any) -> tuple[int, Any]:
        self.headers = answer.headers
        return answer.status_code, json.loads(answer.body) if answer.body else None
