"""The server answers as API Gateway would where that matters, and nothing a client sends harms it."""

import http.client
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from chalice import AuthResponse, Chalice, Response
from chalice.app import AuthRequest

from localstack.embedded.server import LARGEST_BODY, PortTakenError, Server, claim


def tiny_app() -> Chalice:
    app = Chalice(app_name="tiny")
    app.log.handlers.clear()

    @app.authorizer()
    def door(request: AuthRequest) -> AuthResponse:
        return AuthResponse(routes=["*"] if request.token == "good" else [], principal_id="someone")

    @app.route("/things/{thing_id}")
    def thing(thing_id: str) -> dict[str, Any]:
        time.sleep(0.002)
        request = app.current_request
        return {
            "path": thing_id,
            "query": request.query_params["n"],
            "lambda": app.lambda_context.aws_request_id,
        }

    @app.route("/things", methods=["POST"])
    def create() -> dict[str, Any]:
        request = app.current_request
        return {"body": request.json_body, "event": request.to_original_event()["path"]}

    @app.route("/plain")
    def plain() -> Response:
        return Response(
            "ünï", headers={"content-type": "text/plain; charset=utf-8", "Set-Cookie": ["a=1", "b=2"]}
        )

    @app.route("/nothing", methods=["DELETE"])
    def nothing() -> Response:
        return Response("", status_code=204)

    @app.route("/behind", authorizer=door)
    def behind() -> dict[str, bool]:
        return {"in": True}

    @app.route("/boom")
    def boom() -> None:
        raise RuntimeError("boom")

    return app


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server(tiny_app(), claim(0))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def connection(server: Server) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    yield connection
    connection.close()


def ask(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    return answer, answer.read()


def say(server: Server, raw: bytes) -> bytes:
    """Everything the server answers to these bytes before it closes or falls silent."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=3) as plug:
        plug.sendall(raw)
        plug.shutdown(socket.SHUT_WR)
        heard = b""
        while more := plug.recv(65536):
            heard += more
        return heard


def test_threads_never_see_each_others_request(server: Server) -> None:
    def client(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        for turn in range(25):
            name = f"{number}-{turn}"
            _, body = ask(connection, "GET", f"/things/{name}?n={name}")
            found = json.loads(body)
            assert found["path"] == found["query"] == name
            assert found["lambda"] not in seen
            seen.add(found["lambda"])
        connection.close()

    seen: set[str] = set()
    with ThreadPoolExecutor(8) as clients:
        list(clients.map(client, range(8)))
    assert len(seen) == 200


def test_kept_connections_are_fast(connection: http.client.HTTPConnection) -> None:
    ask(connection, "GET", "/plain")
    start = time.monotonic()
    for _ in range(50):
        ask(connection, "GET", "/plain")
    assert (time.monotonic() - start) / 50 < 0.02, "each answer waits for a delayed acknowledgement"


def test_text_repeated_headers_and_empty_answers(connection: http.client.HTTPConnection) -> None:
    answer, body = ask(connection, "GET", "/plain")
    assert (answer.status, body.decode()) == (200, "ünï")
    assert answer.headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    assert answer.headers.get_all("Content-Type") == ["text/plain; charset=utf-8"]
    answer, body = ask(connection, "DELETE", "/nothing")
    assert (answer.status, body, answer.headers["Content-Length"]) == (204, b"", None)


def test_head_is_get_without_a_body(connection: http.client.HTTPConnection) -> None:
    answer, body = ask(connection, "HEAD", "/plain")
    assert (answer.status, body, answer.headers["Content-Length"]) == (200, b"", "5")
    assert ask(connection, "GET", "/plain")[0].status == 200


def test_a_slash_at_the_end_is_ignored(connection: http.client.HTTPConnection) -> None:
    _, body = ask(connection, "GET", "/things/x/?n=1")
    assert json.loads(body)["path"] == "x"


def test_json_bodies_arrive(connection: http.client.HTTPConnection) -> None:
    body = json.dumps({"name": "Ä"}, ensure_ascii=False).encode()
    _, found = ask(connection, "POST", "/things/", body, **{"Content-Type": "application/json"})
    assert json.loads(found) == {"body": {"name": "Ä"}, "event": "/things/"}
    answer, _ = ask(connection, "POST", "/things", b"\xff\xfe", **{"Content-Type": "application/json"})
    assert answer.status == 400


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/no/such", 404),
        ("GET", "/", 404),
        ("GET", "//things", 405),
        ("PUT", "/plain", 405),
        ("BREW", "/plain", 405),
        ("TRACE", "/plain", 405),
        ("GET", "/behind", 401),
        ("GET", "/plain?" + "x" * 9000, 414),
        ("GET", "/" + "x" * 70000, 414),
    ],
)
def test_refusals_are_json_with_a_detail(
    connection: http.client.HTTPConnection, method: str, path: str, status: int
) -> None:
    answer, body = ask(connection, method, path)
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/json"
    assert isinstance(json.loads(body)["detail"], str)


def test_what_is_allowed_is_said(connection: http.client.HTTPConnection) -> None:
    assert ask(connection, "PUT", "/plain")[0].headers["Allow"] == "GET, HEAD"


def test_authorizers_are_asked(connection: http.client.HTTPConnection) -> None:
    assert ask(connection, "GET", "/behind", Authorization="bad")[0].status == 403
    assert ask(connection, "GET", "/behind", Authorization="good")[0].status == 200


def test_a_broken_view_is_a_500_and_no_more(connection: http.client.HTTPConnection) -> None:
    assert ask(connection, "GET", "/boom")[0].status == 500
    assert ask(connection, "GET", "/plain")[0].status == 200


def test_a_huge_body_is_refused_unread(connection: http.client.HTTPConnection) -> None:
    connection.putrequest("POST", "/things")
    connection.putheader("Content-Length", str(10**12))
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    assert "10 MB" in json.loads(answer.read())["detail"]


def test_a_body_just_too_large_still_hears_why(connection: http.client.HTTPConnection) -> None:
    answer, _ = ask(connection, "POST", "/things", bytes(LARGEST_BODY + 1))
    assert answer.status == 413


def test_asking_first_is_answered_before_the_body(server: Server) -> None:
    head = b"POST /things HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Type: application/json\r\n"
    assert say(server, head + b"Content-Length: 99999999\r\n\r\n").startswith(b"HTTP/1.1 413")
    heard = say(server, head + b"Content-Length: 2\r\n\r\n{}")
    assert heard.startswith(b"HTTP/1.1 100")
    assert b"HTTP/1.1 200" in heard


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b" 400 "),
        (b"GET\r\n\r\n", b" 400 "),
        (b"GET /plain HTTP/9.9\r\n\r\n", b" 505 "),
        (b"GET /plain HTTP/1.1\r\nContent-Length: -5\r\n\r\n", b" 400 "),
        (b"GET /plain HTTP/1.1\r\nContent-Length: 1e3\r\n\r\n", b" 400 "),
        (b"GET /plain HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", b" 400 "),
        (b"POST /things HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b" 411 "),
        (b"GET /plain HTTP/1.1\r\n" + b"X: y\r\n" * 300 + b"\r\n", b" 431 "),
        (b"GET http://[::1/plain HTTP/1.1\r\n\r\n", b" 404 "),
        (b"GET /\xff\xfe%ff%00 HTTP/1.1\r\n\r\n", b" 404 "),
        (b"POST /things HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc", b""),
        (b"", b""),
    ],
)
def test_malformed_requests_are_answered_quietly(
    server: Server,
    connection: http.client.HTTPConnection,
    raw: bytes,
    status: bytes,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        heard = say(server, raw)
    assert status in heard
    if heard.startswith(b"HTTP/1"):
        head, _, body = heard.partition(b"\r\n\r\n")
        assert b"application/json" in head
        assert "detail" in json.loads(body)
    assert capfd.readouterr() == ("", "")
    assert not caplog.records
    assert ask(connection, "GET", "/plain")[0].status == 200


def test_clients_that_hang_up_are_no_news(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(20):
        plug = socket.create_connection(("127.0.0.1", server.port))
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")  # reset
        plug.sendall(b"GET /things/x?n=1 HTTP/1.1\r\n\r\n" * 3)
        plug.close()
    time.sleep(0.2)
    assert capfd.readouterr() == ("", "")


def test_a_taken_port_is_said_so(server: Server) -> None:
    with pytest.raises(PortTakenError, match=str(server.port)):
        claim(server.port)


def test_stopping_waits_for_running_requests_but_not_for_idle_connections() -> None:
    app = Chalice(app_name="slow")
    began = threading.Event()

    @app.route("/slow")
    def slow() -> dict[str, bool]:
        began.set()
        time.sleep(0.5)
        return {"done": True}

    server = Server(app, claim(0))
    server.start()
    idle = socket.create_connection(("127.0.0.1", server.port))
    busy = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    with ThreadPoolExecutor() as asking:
        answer = asking.submit(ask, busy, "GET", "/slow")
        assert began.wait(5)
        start = time.monotonic()
        server.stop()
        assert time.monotonic() - start < 2
        assert answer.result()[0].status == 200
    idle.close()
    busy.close()


def test_while_stopping_every_request_is_answered_or_refused_but_never_fails() -> None:
    app = Chalice(app_name="busy")
    stopped = threading.Event()
    statuses: list[int] = []
    late: list[bool] = []

    @app.route("/busy")
    def busy() -> dict[str, bool]:
        time.sleep(0.01)
        late.append(stopped.is_set())
        return {"done": True}

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        try:
            while True:
                answer, _ = ask(connection, "GET", "/busy")
                statuses.append(answer.status)
        except (OSError, http.client.HTTPException):
            connection.close()

    server = Server(app, claim(0))
    server.start()
    with ThreadPoolExecutor(8) as clients:
        asking = [clients.submit(client) for _ in range(8)]
        time.sleep(0.3)
        start = time.monotonic()
        server.stop()
        stopped.set()
        assert time.monotonic() - start < 2
        for each in asking:
            each.result(5)
    assert set(statuses) == {200}
    assert not any(late)
