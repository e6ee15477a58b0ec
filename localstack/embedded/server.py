"""The HTTP server of the embedded stack: loopback only, one thread per connection."""

import logging
import socket
import sys
import threading
import time
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from chalice.app import Chalice

from localstack.embedded.gateway import METHODS, Answer, Gateway, problem

log = logging.getLogger("nightjar.embedded")

HOST = "127.0.0.1"
LARGEST_BODY = 10 * 1000 * 1000
"""Bytes of a request's body; API Gateway takes 10 MB."""
LARGEST_TARGET = 8 * 1024
"""Bytes of a request's path and query; API Gateway takes about as much."""
IDLE_SECONDS = 60
STOP_SECONDS = 10.0
LINGER_SECONDS = 2.0


class PortTakenError(OSError):
    """Something else listens on the port."""


def claim(port: int) -> socket.socket:
    """A bound loopback socket, not listening yet. Port 0: a free one. Raises PortTakenError."""
    claimed = socket.socket()
    claimed.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        claimed.bind((HOST, port))
        claimed.listen(128)  # else two of us could claim the same port
    except OSError as error:
        claimed.close()
        raise PortTakenError(error.errno, f"Port {port} is taken: {error.strerror}") from None
    return claimed


class Server:
    """Serves an app on a claimed socket until stopped."""

    def __init__(self, app: Chalice, claimed: socket.socket) -> None:
        self.port: int = claimed.getsockname()[1]
        self.url = f"http://{HOST}:{self.port}"
        self._http = _HTTP(claimed, Gateway(app, self.port))
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.1}, name="http", daemon=True
        )

    def start(self) -> None:
        """Starts answering."""
        self._thread.start()

    def stop(self) -> None:
        """Takes no more connections and ends idle ones, lets running requests finish for some seconds.

        When it returns, no request begins in the app any more.
        """
        if self._thread.ident is not None:  # shutdown() waits for a loop to end, even for one never begun
            self._http.shutdown()
            self._thread.join()
        self._http.server_close()
        self._http.stop(STOP_SECONDS)


class _HTTP(ThreadingHTTPServer):
    daemon_threads = True  # an idle browser connection must not keep us from ending
    block_on_close = False

    def __init__(self, claimed: socket.socket, gateway: Gateway) -> None:
        super().__init__((HOST, 0), _Request, bind_and_activate=False)
        self.socket.close()
        self.socket = claimed
        self.server_address = claimed.getsockname()
        self.gateway = gateway
        self._open: dict[socket.socket, bool] = {}  # whether a request is under way there
        self._stopping = self._stopped = False
        self._changed = threading.Condition()

    def stop(self, seconds: float) -> None:
        """Ends idle connections at once, the others after their running request, but not later than this."""
        with self._changed:
            self._stopping = True
            for connection, busy in self._open.items():
                if not busy:
                    _read_no_more(connection)
            if not self._changed.wait_for(lambda: not self._open, seconds):
                log.warning("%d requests are still running and are left behind", len(self._open))
            self._stopped = True

    def began(self, connection: socket.socket, *, busy: bool) -> None:
        """A connection is there; with `busy`, a request has begun to come in on it."""
        with self._changed:
            self._open[connection] = busy
            if self._stopping and not busy:
                _read_no_more(connection)

    def ended(self, connection: socket.socket) -> None:
        """A connection is about to be closed."""
        with self._changed:
            self._open.pop(connection, None)
            self._changed.notify_all()

    @property
    def stopping(self) -> bool:
        """Whether answers should be the last of their connections."""
        return self._stopping

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        if self._stopped:
            return problem(503, "The service is stopping.")
        try:
            return self.gateway.answer(method, target, headers, body)
        except Exception:  # the edge: a request must get an answer and the connection must live
            log.exception("%s %s failed outside the app", method, target)
            return problem(500, "Internal server error.")

    def handle_error(self, _request: Any, client_address: Any) -> None:
        error = sys.exception()
        if isinstance(error, ConnectionError | TimeoutError):
            log.debug("%s went away", client_address)
        else:
            log.error("a connection failed", exc_info=error)


class _Request(BaseHTTPRequestHandler):
    """The requests of one connection."""

    server: _HTTP
    protocol_version = default_request_version = "HTTP/1.1"  # also of answers to what is no request
    timeout = IDLE_SECONDS
    # Head and body in one packet, sent at once: else every answer on a kept connection takes 40 ms.
    wbufsize = -1
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.server.began(self.connection, busy=False)

    def finish(self) -> None:
        try:
            super().finish()
        finally:
            self.server.ended(self.connection)

    def parse_request(self) -> bool:
        self.server.began(self.connection, busy=True)
        return super().parse_request()

    def handle_one_request(self) -> None:
        super().handle_one_request()
        self.server.began(self.connection, busy=False)

    def answer_request(self) -> None:
        refusal = self._refusal()
        if refusal is not None:
            self._send(refusal, close=True)
            self._linger()
            return
        length = self._length()
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True  # the client went away amid its body
            return
        self._send(self.server.answer(self.command, self.path, dict(self.headers), body))

    def handle_expect_100(self) -> bool:
        refusal = self._refusal()
        if refusal is None:
            proceed = super().handle_expect_100()
            self.wfile.flush()
            return proceed
        self._send(refusal, close=True)
        return False

    def send_error(self, code: int, message: str | None = None, _explain: str | None = None) -> None:
        """What the standard library refuses (a malformed request, a method nobody knows), our way."""
        if code == HTTPStatus.NOT_IMPLEMENTED:
            code, message = HTTPStatus.METHOD_NOT_ALLOWED, f'Method "{self.command}" not allowed.'
        self._send(problem(code, message or HTTPStatus(code).phrase), close=True)

    def version_string(self) -> str:
        return "nightjar"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name it has in the base
        log.debug(format, *args)

    def _linger(self) -> None:
        """Throws away what the client still sends, for a moment.

        Closing with its body unread would reset the connection, and with it our answer might be lost.
        """
        self.connection.shutdown(socket.SHUT_WR)
        self.connection.settimeout(LINGER_SECONDS)
        deadline = time.monotonic() + LINGER_SECONDS
        try:
            while self.connection.recv(65536) and time.monotonic() < deadline:
                pass
        except OSError:
            log.debug("the client did not wait for its answer")

    def _length(self) -> int:
        return int(self.headers.get("Content-Length") or 0)

    def _refusal(self) -> Answer | None:
        """Why the request must not even be read, if so."""
        if "Transfer-Encoding" in self.headers:
            return problem(411, "Send a Content-Length.")
        lengths = set(self.headers.get_all("Content-Length") or ["0"])
        text = lengths.pop()
        if lengths or not (text.isascii() and text.isdigit()):
            return problem(400, "The Content-Length is no number of bytes.")
        if len(text) > 18 or int(text) > LARGEST_BODY:
            return problem(413, f"A request may hold {LARGEST_BODY // 1_000_000} MB at most.")
        if len(self.path) > LARGEST_TARGET:
            return problem(414, "The address is too long.")
        return None

    def _send(self, answer: Answer, *, close: bool = False) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            for one in value if isinstance(value, list) else [value]:
                self.send_header(name, _one_line(str(one)))
        if answer.status >= 200 and answer.status not in (204, 304):
            self.send_header("Content-Length", str(len(answer.body)))
        if close or self.server.stopping:
            self.send_header("Connection", "close")  # also sets close_connection
        self.end_headers()
        if self.command != "HEAD" and answer.status not in (204, 304):
            self.wfile.write(answer.body)
        self.wfile.flush()


for _method in METHODS:
    setattr(_Request, f"do_{_method}", _Request.answer_request)


def _read_no_more(connection: socket.socket) -> None:
    """Ends the waiting for a request; one that has arrived by now is still read, and answered."""
    with suppress(OSError):  # the client was quicker
        connection.shutdown(socket.SHUT_RD)


def _one_line(value: str) -> str:
    """A header's value without line breaks, which would begin another header."""
    return value.replace("\r", " ").replace("\n", " ")
