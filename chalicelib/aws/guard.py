"""The way to a storage that is not ours: only to addresses that were checked, never on to where it points,
and no longer or larger than was bargained for.

boto lets a handler of `before-send` send a request in its stead. This one has a session of its own, without
proxies, whose connections look up the name themselves, check every address, and connect to one that was
checked: a name that leads elsewhere a moment later leads nowhere.
"""

import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
    AWSPreparedRequest,
    AWSResponse,
)
from botocore.exceptions import HTTPClientError
from botocore.httpsession import URLLib3Session
from urllib3.exceptions import HTTPError, NewConnectionError

from chalicelib.errors import SourceFault

UNREACHABLE = "EndpointConnectionError"

LARGEST = 10_000_000
"""Bytes of one answer of a listing. A thousand keys of the longest names are a tenth of that."""

CONNECTING, READING = 4, 10
_ADDRESSES = 3
_PIECE = 65_536

Allowed = Callable[[str], bool]
"""Whether an IP address may be contacted."""


def addresses(host: str, port: int, allowed: Allowed) -> list[str]:
    """The addresses a name has, none if nobody knows it. One look-up.

    Raises SourceFault if a single one of them is not allowed.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        return []
    named = list(dict.fromkeys(str(address[0]) for *_, address in found))
    if not all(allowed(each) for each in named):
        raise SourceFault(UNREACHABLE, "The endpoint has an address that may not be contacted from here.")
    return named


class _Body(io.BytesIO):
    """An answer's body, read already, as boto takes it."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


@dataclass
class Guard:
    """Sends requests for one client, until `end`, on the clock of `time.monotonic`. An answer may have
    `largest` bytes."""

    allowed: Allowed | None
    end: float
    largest: int = LARGEST

    def __post_init__(self) -> None:
        self._open: list[socket.socket] = []
        kind: Any = URLLib3Session  # whose types leave out half of it
        self._session = kind(timeout=(CONNECTING, READING), max_pool_connections=1)
        self._session._manager.pool_classes_by_scheme = {
            "http": self._pool(AWSHTTPConnectionPool, AWSHTTPConnection),
            "https": self._pool(AWSHTTPSConnectionPool, AWSHTTPSConnection),
        }

    def watch(self, client: Any) -> None:
        """Takes over what the client sends, from now on."""
        client.meta.events.register_last("before-parameter-build.s3", _stay)
        client.meta.events.register("before-send.s3", self._send)

    def close(self) -> None:
        """Lets go of every connection."""
        self._session.close()
        while self._open:
            self._open.pop().close()

    def _send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        left = self.end - time.monotonic()
        if left <= 0:
            raise late()
        # The session's own limit is on the time between two bytes: one that drips would never meet it.
        watchdog = threading.Timer(left, self._break_off)
        watchdog.daemon = True
        watchdog.start()
        try:
            answer = self._whole(request)
        except HTTPClientError as error:
            own = error.kwargs.get("error")
            if isinstance(own, SourceFault):
                raise own from None
            raise
        finally:
            watchdog.cancel()
        if time.monotonic() >= self.end:  # what was broken off may look like an answer that ended
            raise late()
        return answer

    def _whole(self, request: AWSPreparedRequest) -> AWSResponse:
        request.stream_output = True
        answer: Any = self._session.send(request)
        if 300 <= answer.status_code < 400:
            answer.raw.close()
            raise SourceFault(UNREACHABLE, "The storage points elsewhere; is the region right?")
        return AWSResponse(
            answer.url, answer.status_code, answer.headers, _Body(_read(answer.raw, self.largest))
        )

    def _break_off(self) -> None:
        for each in self._open:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def _pool(self, pool: Any, connection: Any) -> Any:
        guard = self

        class Guarded(connection):  # type: ignore[misc]
            def _new_conn(self) -> socket.socket:
                made = guard._connect(self, super()._new_conn)
                guard._open.append(
                    made.dup()
                )  # TLS takes the socket itself over; this one still breaks it off
                return made

        return type("GuardedPool", (pool,), {"ConnectionCls": Guarded})

    def _connect(self, connection: Any, connect: Callable[[], socket.socket]) -> socket.socket:
        if self.allowed is None:
            return connect()
        name = connection._dns_host
        fault: Exception = NewConnectionError(connection, "nobody knows this name")
        try:
            for address in addresses(name.strip("[]"), connection.port, self.allowed)[:_ADDRESSES]:
                connection._dns_host = address
                try:
                    return connect()
                except (NewConnectionError, TimeoutError) as error:
                    fault = error
        finally:
            connection._dns_host = name  # which the certificate must be for
        raise fault


def _read(raw: Any, largest: int) -> bytes:
    pieces, size = [], 0
    try:
        # As much as has come, not as was asked for: drop by drop, a full piece would take hours.
        while piece := raw.read1(_PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > largest:
                raise SourceFault(UNREACHABLE, "The storage answers more than was asked for.")
    except (HTTPError, OSError):
        raise nobody_there() from None
    finally:
        raw.close()
    return b"".join(pieces)


def late() -> SourceFault:
    """For a storage that took all the time there was."""
    return SourceFault(UNREACHABLE, "The storage takes too long to answer.")


def nobody_there() -> SourceFault:
    """For an endpoint that cannot be reached, or is no storage."""
    return SourceFault(UNREACHABLE, "No storage that speaks as S3 does answers there.")


def _stay(context: dict[str, Any], **_: Any) -> None:
    # boto follows a bucket to its region, unless it believes that it has done so.
    context["s3_redirect"]["redirected"] = True
