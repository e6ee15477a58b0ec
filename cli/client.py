"""The HTTP client of the command line: one server, one token, clear errors.

client = Client("http://127.0.0.1:8000", token)
client.get("deployments/d1")["name"]
client.send_photograph("d1", "card1/IMG_0001.JPG", data)
"""

import email.utils
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import requests

from cli.form import Form, StoppedError
from cli.photographs import content_type
from cli.reasons import CONNECT_SECONDS, READ_SECONDS, api_reason, network_reason, storage_reason

ATTEMPTS = 5
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 60.0

_RETRIED = frozenset({429, 500, 502, 503, 504})
_TROUBLE = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)


class CallError(Exception):
    """A call did not succeed; the message is for the person at the terminal.

    `status` is the HTTP status, or None when there was no answer at all.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Receipt:
    """What became of one photograph. `present`: the server had these very bytes, nothing was sent.
    `duplicate_of`: it has them under another name, too."""

    capture_id: str
    sha256: str
    present: bool
    duplicate_of: str = ""


class Client:
    """Calls one server. Threads may share it: each has its own connections."""

    def __init__(self, server: str, token: str) -> None:
        self.server = server.rstrip("/")
        self._token = token
        self._here = threading.local()
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Makes calls under way, in every thread, end soon with StoppedError."""
        self._stopping.set()

    @property
    def stopped(self) -> bool:
        """Whether `stop()` was called."""
        return self._stopping.is_set()

    def get(
        self, path: str, params: Mapping[str, str] | None = None, attempts: int = ATTEMPTS
    ) -> dict[str, Any]:
        """The JSON object at /api/v2/<path>. Raises CallError."""
        return self._call("GET", path, params=params, attempts=attempts)

    def pages(self, path: str, params: Mapping[str, str] | None = None) -> Iterator[dict[str, Any]]:
        """Every row of the list at /api/v2/<path>, page after page. Raises CallError."""
        while True:
            page = self.get(path, params)
            yield from page["results"]
            if not page.get("next"):
                return
            # Only the query: behind a proxy the rest of the link may name a host we cannot reach.
            params = dict(parse_qsl(urlsplit(page["next"]).query))

    def post(self, path: str, body: Mapping[str, Any], *, repeatable: bool = False) -> dict[str, Any]:
        """Posts JSON to /api/v2/<path>. Only a `repeatable` call is tried again. Raises CallError."""
        return self._call("POST", path, json=body, attempts=ATTEMPTS if repeatable else 1)

    def send_photograph(
        self,
        deployment_id: str,
        filename: str,
        data: bytes,
        on_bytes: Callable[[int], None] = lambda _: None,
    ) -> Receipt:
        """Announces a photograph and sends its bytes unless the server has them.

        `filename` is relative, with "/". `on_bytes` is told how many more of `data` have left; a
        negative number takes back what a failed attempt had sent. Raises CallError, StoppedError.
        """
        digest = sha256(data).hexdigest()
        body = {
            "deployment_id": deployment_id,
            "filename": filename,
            "content_type": content_type(filename, data[:16]),
            "size": len(data),
            "sha256": digest,
        }
        # Announcing twice is harmless: the same name and bytes lead to the same capture.
        answer = self.post("captures/uploads", body, repeatable=True)
        present = answer.get("status") == "present"
        try:
            capture_id = str(answer["capture_id"])
            form = None if present else (answer["url"], answer["fields"])
        except KeyError as missing:
            raise CallError(f"the server's answer to an upload lacks {missing}") from None
        if form:
            self._post_form(*form, data, on_bytes)
        return Receipt(capture_id, digest, present, str(answer.get("duplicate_of") or ""))

    def _call(self, method: str, path: str, *, attempts: int, **request: Any) -> dict[str, Any]:
        url = f"{self.server}/api/v2/{path}"
        answer = self._attempt(
            lambda: self._session.request(method, url, auth=self._sign, **_common(), **request), attempts
        )
        if not answer.ok or answer.is_redirect:
            raise CallError(api_reason(answer), answer.status_code)
        try:
            value = answer.json()
        except requests.JSONDecodeError:
            value = None
        if not isinstance(value, dict):
            raise CallError(f"{url} does not answer like a Nightjar server: check the address")
        return value

    def _post_form(
        self, url: str, fields: Mapping[str, str], data: bytes, on_bytes: Callable[[int], None]
    ) -> None:
        form = Form(fields, data, on_bytes, self._stopping)

        def post() -> requests.Response:
            form.rewind()
            headers = {"Content-Type": form.content_type}
            # No token here: the form carries its own permission, and the storage is another host.
            return self._session.post(url, data=form, headers=headers, auth=_unsigned, **_common())

        answer = self._attempt(post, ATTEMPTS)
        if answer.status_code not in (200, 201, 204):
            raise CallError(storage_reason(answer), answer.status_code)

    def _attempt(self, call: Callable[[], requests.Response], attempts: int) -> requests.Response:
        """The answer of the last attempt needed. Network trouble, 429 and 5xx are worth another."""
        for attempt in range(1, attempts + 1):
            self._check()
            try:
                answer = call()
            except requests.RequestException as error:
                self._check()
                if attempt == attempts or not isinstance(error, _TROUBLE):
                    raise CallError(network_reason(error)) from error
                self._pause(_pause_seconds(attempt))
            else:
                if attempt == attempts or not _worth_repeating(answer):
                    return answer
                self._pause(_retry_after(answer) or _pause_seconds(attempt))
        raise AssertionError("at least one attempt is made")

    def _check(self) -> None:
        if self._stopping.is_set():
            raise StoppedError

    def _pause(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise StoppedError

    def _sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Token {self._token}"
        return request

    @property
    def _session(self) -> requests.Session:
        if not hasattr(self._here, "session"):
            self._here.session = requests.Session()
        session: requests.Session = self._here.session
        return session


def path_segment(value: str) -> str:
    """`value` made fit for one segment of a path."""
    return quote(value, safe="")


def _common() -> dict[str, Any]:
    return {"timeout": (CONNECT_SECONDS, READ_SECONDS), "allow_redirects": False}


def _unsigned(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keeps requests from adding a password out of ~/.netrc."""
    return request


def _worth_repeating(answer: requests.Response) -> bool:
    # S3 says 400 RequestTimeout when the bytes came too slowly; its documentation says to try again.
    return answer.status_code in _RETRIED or (
        answer.status_code == 400 and b"<Code>RequestTimeout</Code>" in answer.content
    )


def _pause_seconds(attempt: int) -> float:
    """Doubles with each attempt; half of it by chance, so that workers do not come back all at once."""
    whole = FIRST_PAUSE_SECONDS * 2.0 ** (attempt - 1)
    return whole / 2 + random.uniform(0, whole / 2)  # noqa: S311 - no secret


def _retry_after(answer: requests.Response) -> float | None:
    """The seconds a server asks us to wait, never more than a minute; None when it asks for nothing."""
    asked = answer.headers.get("Retry-After", "")
    moment = email.utils.parsedate_tz(asked)
    if asked.isdecimal():
        seconds = float(asked)
    elif moment is not None:
        seconds = email.utils.mktime_tz(moment) - time.time()
    else:
        return None
    return min(max(seconds, 0.0), LONGEST_PAUSE_SECONDS)
