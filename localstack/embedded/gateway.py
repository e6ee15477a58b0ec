"""API Gateway for one Chalice app: finds the route, runs the authorizer, calls the app as a function."""

import base64
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chalice.app import Chalice
from chalice.config import Config
from chalice.local import LocalChalice, LocalGateway, LocalGatewayException

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer. A header with several values is sent several times."""

    status: int
    headers: Mapping[str, Any] = field(default_factory=dict)
    body: bytes = b""


class _PerThread(LocalChalice):  # type: ignore[misc]
    """Chalice keeps the request and its context on the app: here every thread has its own."""

    _CONTEXT = threading.local()

    @property
    def lambda_context(self) -> Any:
        return getattr(self._CONTEXT, "value", None)

    @lambda_context.setter
    def lambda_context(self, value: Any) -> None:
        self._CONTEXT.value = value


def serve_threads(app: Chalice) -> None:
    """Makes an app fit to answer several requests at a time."""
    if not isinstance(app, _PerThread):
        app.__class__ = type("ThreadedChalice", (_PerThread, app.__class__), {})


class Gateway(LocalGateway):  # type: ignore[misc]
    """Answers requests for an app. HEAD is GET; a path may end with a slash."""

    def __init__(self, app: Chalice, port: int) -> None:
        serve_threads(app)
        super().__init__(app, Config.create(lambda_timeout=30))
        self._port = port

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """The app's answer; 404 and 405 as the service words them, where API Gateway has its own ways."""
        asked = "GET" if method == "HEAD" else method
        refusal = self._refuse(asked, target)
        if refusal is not None:
            return refusal
        forwarded = {**headers, "X-Forwarded-Proto": "http", "X-Forwarded-Port": str(self._port)}
        try:
            response = self.handle_request(asked, target, forwarded, body or None)
        except LocalGatewayException as error:  # of an authorizer
            return problem(error.CODE, "Unauthorized" if error.CODE == 401 else "Forbidden", error.headers)
        return _answer(response)

    def _refuse(self, method: str, target: str) -> Answer | None:
        try:
            route = self.event_converter._route_matcher.match_route(target).route
        except ValueError:
            return problem(404, "Not found.")
        allowed = set(self._app_object.routes[route])
        if method in allowed or method == "OPTIONS":
            return None
        if "GET" in allowed:
            allowed.add("HEAD")
        return problem(405, f'Method "{method}" not allowed.', {"Allow": ", ".join(sorted(allowed))})

    def _generate_lambda_event(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> dict[str, Any]:
        """The event, with what Chalice leaves out of it and with its body as text, as in Lambda."""
        event: dict[str, Any] = super()._generate_lambda_event(method, path, headers, body)
        context = event["requestContext"]
        context |= {"requestId": self._generate_lambda_context().aws_request_id, "protocol": "HTTP/1.1"}
        event |= {"httpMethod": method, "path": context["path"], "resource": context["resourcePath"]}
        if isinstance(event["body"], bytes):
            event["body"] = event["body"].decode("utf-8", errors="replace")
        return event


def problem(status: int, detail: str, headers: Mapping[str, Any] | None = None) -> Answer:
    """An answer in the service's own words for what never reaches it."""
    body = json.dumps({"detail": detail}).encode()
    return Answer(status, {**(headers or {}), "Content-Type": "application/json"}, body)


def _answer(response: Mapping[str, Any]) -> Answer:
    headers = {**response.get("headers", {}), **response.get("multiValueHeaders", {})}
    if not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = "application/json"
    return Answer(response["statusCode"], headers, _bytes(response))


def _bytes(response: Mapping[str, Any]) -> bytes:
    body = response.get("body")
    if response.get("isBase64Encoded"):
        return base64.b64decode(body or "")
    if body is None:
        return b""
    return body if isinstance(body, bytes) else str(body).encode()
