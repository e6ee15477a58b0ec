"""Local servers that pretend to be a storage."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

EMPTY = b'<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>'


def listing(*keys: str, following: str | None = None) -> bytes:
    """A page of a listing, of objects of one byte."""
    found = "".join(
        f"<Contents><Key>{key}</Key><Size>1</Size><ETag>e</ETag>"
        "<LastModified>2026-06-01T00:00:00Z</LastModified></Contents>"
        for key in keys
    )
    more = f"<NextContinuationToken>{following}</NextContinuationToken>" if following else ""
    truncated = str(bool(following)).lower()
    told = f"<ListBucketResult><IsTruncated>{truncated}</IsTruncated>{more}{found}</ListBucketResult>"
    return told.encode()


class Host:
    """A server on a loopback port: what it was asked, and the port it listens on."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.port = server.server_port
        self.asked: list[str] = []
        self.headers: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def host(answer: Callable[[Any], None]) -> Iterator[Host]:
    """A host whose requests `answer` answers, being handed the handler."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            there.asked.append(self.path)
            there.headers.append(str(self.headers))
            answer(self)

        do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    there = Host(server)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield there
    finally:
        server.shutdown()
        server.server_close()


def answering(body: bytes, status: int = 200, **headers: str) -> Callable[[Any], None]:
    """Answers every request with that."""

    def answer(handler: Any) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer
