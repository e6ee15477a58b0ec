"""From a raw request to an answer: who asks, what is sent, the view, and errors told in one shape."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from chalicelib.access.rules import principal
from chalicelib.errors import Invalid, NightjarError
from chalicelib.http import errors
from chalicelib.http.routing import Answer, Ask, Route
from chalicelib.settings import Settings

log = logging.getLogger("nightjar")

MAX_BODY = 1_000_000
_FIELDS_TOLD = 20


@dataclass(frozen=True, slots=True)
class RawRequest:
    """A request as the server has it. Header names in lower case."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    base_url: str


def base_url(headers: Mapping[str, str], context: Mapping[str, Any]) -> str:
    """Where the API is served from, seen from outside: with the stage, behind API Gateway."""
    scheme = headers.get("x-forwarded-proto", "http")
    full, resource = str(context.get("path", "")), str(context.get("resourcePath", ""))
    stage = (
        f"/{context['stage']}" if full != resource and full.startswith(f"/{context.get('stage')}/") else ""
    )
    return f"{scheme}://{headers.get('host', 'localhost')}{stage}"


def handle(route: Route, raw: RawRequest, settings: Settings) -> Answer:
    """What a route answers to a request. What a caller can cause is a 4xx; all else is logged, and a 500."""
    try:
        answer = _answer(route, raw, settings)
    except NightjarError as error:
        answer = errors.answer(error)
    except Exception:  # the edge: a fault of ours must not show its insides
        log.exception("%s %s failed", route.method, route.path)
        answer = Answer({"detail": "Something went wrong here. It has been noted."}, 500)
    return _with_json(answer)


def _answer(route: Route, raw: RawRequest, settings: Settings) -> Answer:
    who = principal(raw.headers.get("authorization"), settings.admin_token_sha256)
    if not route.open:
        who.must_write()
    ask = Ask(
        principal=who,
        path=raw.path,
        query=raw.query,
        base_url=raw.base_url,
        settings=settings,
        body=_body(route.body, raw.body) if route.body else None,
    )
    content = route.view(ask)
    return content if isinstance(content, Answer) else Answer(content, route.status)


def _body(model: type[BaseModel], sent: bytes) -> BaseModel:
    if len(sent) > MAX_BODY:
        raise Invalid(f"The body has more than {MAX_BODY:,} bytes.")
    try:
        values = json.loads(sent or b"{}")
    except (ValueError, RecursionError) as error:
        raise Invalid("The body is not JSON.") from error
    if not isinstance(values, dict):
        raise Invalid('The body is to be a JSON object, like {"name": "…"}.')
    try:
        return model.model_validate(values)
    except ValidationError as error:
        told_errors = error.errors()[:_FIELDS_TOLD]
        fields = {".".join(map(str, each["loc"]))[:100] or "body": each["msg"] for each in told_errors}
        told = "; ".join(f"{name}: {why}" for name, why in fields.items())
        raise Invalid(f"This cannot be taken as it is. {told}"[:2000], fields) from error


def _with_json(answer: Answer) -> Answer:
    if answer.content_type != "application/json":
        return answer
    text = json.dumps(_plain(answer.content), ensure_ascii=False, separators=(",", ":"))
    return Answer(text, answer.status, answer.headers, answer.content_type)


def _plain(content: Any) -> Any:
    if isinstance(content, BaseModel):
        return content.model_dump(mode="json")
    if isinstance(content, dict):
        return {name: _plain(value) for name, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_plain(each) for each in content]
    return content
