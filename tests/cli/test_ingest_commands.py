"""`nightjar ingest` against the real embedded stack, whose queue has really given up."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import boto3
import pytest
from bucket import photograph
from click.testing import CliRunner, Result
from events import object_created
from running import TOKEN, Running

from cli import client as client_module
from cli.main import main

ELSEWHERE = "a-bucket-that-is-made-later"

# What fails comes again at once, and the watch looks twice a second: a minute's wait has nothing to show.
PROGRAM = """
import functools, sys
from localstack.embedded import stack
stack.QueuePump = functools.partial(stack.QueuePump, retry_seconds=0)
with stack.Stack(admin_token=sys.argv[1], watch_seconds=0.5) as running:
    print(running.url, running.engines.moto.url, running.resources.queues["IngestQueue"].url, flush=True)
    sys.stdin.read()
"""


class Failing(Running):
    """A stack whose queue gives up at once."""

    def __init__(self) -> None:
        super().__init__(PROGRAM)
        [self.queue_url] = self.printed
        self.sqs, self.s3 = (boto3.client(name, endpoint_url=self.engine) for name in ("sqs", "s3"))

    def send(self, body: str) -> None:
        self.sqs.send_message(QueueUrl=self.queue_url, MessageBody=body)

    def failures(self) -> list[dict[str, Any]]:
        return list(self.client.pages("ingest/failures"))

    def nightjar(self, *arguments: str, url: str = "", token: str = TOKEN) -> Result:
        return nightjar(url or self.url, token, *arguments)


def nightjar(url: str, token: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["ingest", *arguments, "--server", url, "--token", token])


def wait_until(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until, "it never came to be"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def stack() -> Iterator[Failing]:
    running = Failing()
    yield running
    assert running.stop() == 0


@pytest.fixture(autouse=True)
def no_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "FIRST_PAUSE_SECONDS", 0.002)


def test_what_the_queue_gave_up_is_listed_with_the_reason_put_back_and_passes(stack: Failing) -> None:
    assert "No failures" in stack.nightjar("failures").output
    project = stack.client.post("projects", {"name": "Moths"})
    deployment = stack.client.post("deployments", {"project_id": project["id"], "name": "Edge"})
    key = f"photos/{deployment['id']}/\x1b[2J20260609_213000.jpg"
    stack.send(object_created(ELSEWHERE, key, "v1"))
    stack.send("no json")
    wait_until(lambda: [each["state"] for each in stack.failures()] == ["given_up"] * 2)

    listed = stack.nightjar("failures")
    assert listed.exit_code == 0, listed.output
    for told in (
        "NoSuchBucket",
        "JSONDecodeError: Expecting value",
        "\\x1b[2J20260609_213000.jpg",
        "given up",
    ):
        assert told in listed.output
    assert "\x1b" not in listed.output
    assert "0 retrying, 2 given up." in listed.output
    assert "`nightjar ingest replay --all`" in listed.output
    found = json.loads(stack.nightjar("failures", "--json").output)
    assert found == stack.failures()
    assert {each["tries"] for each in found} == {5}
    ids = {each["key"]: each["id"] for each in found}
    assert all(each in listed.output for each in ids.values())

    stack.s3.create_bucket(Bucket=ELSEWHERE)
    stack.s3.put_object(Bucket=ELSEWHERE, Key=key, Body=photograph())
    put_back = stack.nightjar("replay", ids[key])
    assert (put_back.exit_code, put_back.output) == (0, "1 message put back.\n")
    wait_until(lambda: stack.client.get(f"deployments/{deployment['id']}")["captures_count"] == 1)
    [left] = stack.failures()
    assert left["id"] == ids[None]

    assert stack.nightjar("replay", "--all").output == "1 message put back.\n"
    wait_until(lambda: [each["state"] for each in stack.failures()] == ["given_up"])
    assert [each["reason"] for each in stack.failures()] == [left["reason"]]


def test_one_clear_sentence_when_it_cannot_begin(stack: Failing) -> None:
    for result, said in (
        (stack.nightjar("replay"), "Name the failures, or say --all"),
        (stack.nightjar("replay", "x", "--all"), "Name the failures, or say --all"),
        (stack.nightjar("replay", "x"), "There is no failure 'x'. It may have passed meanwhile. `nightjar"),
        (stack.nightjar("failures", token=""), "No token: give --token, or set NIGHTJAR_TOKEN"),
        (stack.nightjar("failures", token="wrong"), "does not accept this token"),
        (stack.nightjar("replay", "--all", token="wrong"), "does not accept this token"),
        (stack.nightjar("failures", url="http://127.0.0.1:1"), "is not reachable"),
        (stack.nightjar("replay", "--all", url="http://127.0.0.1:1"), "is not reachable"),
    ):
        assert result.exit_code == 2, result.output
        assert said in result.output


Answer = tuple[int, dict[str, Any]]


@pytest.fixture
def scripted() -> Iterator[tuple[str, list[Answer], list[dict[str, Any]]]]:
    """A server that answers what it is told to, one after the other: its URL, the answers, what was sent."""
    answers: list[Answer] = []
    sent: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None: ...

        def do_POST(self) -> None:
            sent.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            status, content = answers.pop(0)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", answers, sent
    server.shutdown()
    server.server_close()


def test_all_is_put_back_call_by_call_and_what_fails_anew_meanwhile_ends_it(scripted: Any) -> None:
    url, answers, sent = scripted
    answers += [(200, {"replayed": 1000, "left": 1500})] + [(200, {"replayed": 1000, "left": 1500})] * 2
    told = nightjar(url, TOKEN, "replay", "--all")
    assert told.exit_code == 0, told.output
    assert sent == [{"all": True}] * 3
    assert "3000 messages put back.\n1500 left, still being tried" in told.output


def test_what_is_still_being_tried_ends_it(scripted: Any) -> None:
    url, answers, _ = scripted
    answers += [(200, {"replayed": 3, "left": 2}), (200, {"replayed": 0, "left": 2})]
    assert "3 messages put back.\n2 left, still" in nightjar(url, TOKEN, "replay", "--all").output


def test_a_stumbling_server_is_asked_again_and_a_failing_one_told_of(scripted: Any) -> None:
    url, answers, sent = scripted
    answers += [(503, {}), (200, {"replayed": 1000, "left": 9}), (400, {"detail": "Enough."})]
    told = nightjar(url, TOKEN, "replay", "--all")
    assert (told.exit_code, len(sent)) == (1, 3)
    assert "Stopped after 1000: Enough. The rest is still listed: try again." in told.output


def test_more_than_one_call_takes_are_named_in_several(scripted: Any) -> None:
    url, answers, sent = scripted
    answers += [(200, {"replayed": 1000, "left": 0}), (200, {"replayed": 400, "left": 100})]
    told = nightjar(url, TOKEN, "replay", *[f"id{number}" for number in range(1500)])
    assert [len(body["ids"]) for body in sent] == [1000, 500]
    assert "1400 messages put back.\n100 left" in told.output
