"""A route, what is asked of it, and what it answers: plain values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel

from chalicelib.access.rules import Principal
from chalicelib.errors import Invalid
from chalicelib.settings import Settings

Method = Literal["GET", "POST", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. `base_url` is where the API is served, without a slash at the end."""

    principal: Principal
    path: Mapping[str, str]
    query: Mapping[str, str]
    base_url: str
    settings: Settings
    body: Any = None

    def url(self, path: str) -> str:
        """The absolute URL of a path of the API."""
        return f"{self.base_url}/api/v2{path}"

    def number(self, name: str, default: int, lowest: int, highest: int) -> int:
        """A query parameter as a whole number. Raises Invalid if it is none, or out of bounds."""
        text = self.query.get(name)
        if text is None or text == "":
            return default
        if text.isascii() and text.isdigit() and len(text) < 10 and lowest <= int(text) <= highest:
            return int(text)
        why = f"a whole number from {lowest} to {highest:,}"
        raise Invalid(f"The parameter {name!r} is to be {why}.", {name: why})

    def flag(self, name: str) -> bool:
        """A query parameter that may be true or false. Raises Invalid if it is anything else."""
        value = self.query.get(name, "false")
        if value not in ("true", "false"):
            raise Invalid(f"The parameter {name!r} is to be true or false.", {name: "true or false"})
        return value == "true"

    def required(self, name: str) -> str:
        """A query parameter that must be there. Raises Invalid."""
        value = self.query.get(name)
        if not value:
            raise Invalid(f"The parameter {name!r} is missing.", {name: "required"})
        return value


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back. `content` is a model or plain JSON values, or bytes of `content_type`."""

    content: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


def redirect(url: str, cache_control: str) -> Answer:
    """302 to a URL."""
    return Answer("", 302, {"Location": url, "Cache-Control": cache_control}, "text/plain")


@dataclass(frozen=True, slots=True)
class Route:
    """What a method on a path does. `body` is the model of what is sent, `open` whether reading it needs
    no token; every other route is refused to those without one."""

    method: Method
    path: str
    view: Callable[[Ask], Any]
    body: type[BaseModel] | None = None
    status: int = 200
    open: bool = True
