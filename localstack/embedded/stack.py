"""The whole service in one process: engines, pumps and the API, started and stopped in order.

with Stack(port=8000, admin_token="…") as stack:
    requests.get(f"{stack.url}/api/v2/status")
    stack.wait_until_quiet(timeout=30)
"""

import hashlib
import importlib
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from localstack.embedded.catching_up import catch_up, take_up_jobs
from localstack.embedded.children import status_of
from localstack.embedded.clients import Clients, connect
from localstack.embedded.delivery import Record
from localstack.embedded.engines import Engines, start_engines
from localstack.embedded.invocation import Function, Handler
from localstack.embedded.pump import Pump
from localstack.embedded.pumps import QueuePump, SchedulePump, StreamPump
from localstack.embedded.quiet import wait_until_quiet
from localstack.embedded.resources import TEMPLATE, Resources, create_resources, environment
from localstack.embedded.server import Server, claim
from localstack.embedded.stream_records import failure_message

INGEST_WORKERS = 2
JOB_WORKERS = 1
SETTLE_LANES = 4
SETTLE_WINDOW = 1.0  # seconds, as app.py asks of AWS: photographs that come together are settled together
WATCH_SECONDS = 60.0
READY_PATH = "/api/v2/status"
CONFIG = TEMPLATE.with_name("config.json")


class Stack:
    """One per process: functions read their settings once, and the environment is the process's.

    Made idle; `start()` (or `with`) returns when the API answers. In memory, or with the table and the
    objects kept in the folder `data`. Engines that are handed in stay running after `stop()`; their
    `prefix` keeps stacks on the same engines apart.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        admin_token: str | None = None,
        data: Path | None = None,
        engines: Engines | None = None,
        prefix: str = "nightjar-",
        app_module: str = "app",
        ready_path: str = READY_PATH,
        watch_seconds: float = WATCH_SECONDS,
    ) -> None:
        self.token = admin_token or secrets.token_urlsafe(24)
        self.engines: Engines
        self.clients: Clients
        self.resources: Resources
        self.app: Any
        self._port = port
        self._data = data
        self._given_engines = engines
        self._prefix = prefix
        self._app_module = app_module
        self._ready_path = ready_path
        self._watch_seconds = watch_seconds
        self._queues: list[QueuePump] = []
        self._streams: list[StreamPump] = []
        self._schedules: list[SchedulePump] = []
        self._running = ExitStack()
        self._server: Server

    @property
    def url(self) -> str:
        """Where the API is, without a slash at its end."""
        return self._server.url

    def start(self) -> None:
        """Starts everything, or nothing: what was started is stopped again when the rest fails."""
        with ExitStack() as starting:
            claimed = claim(self._port)  # first: a port that is taken should be heard of at once
            starting.callback(claimed.close)
            starting.callback(_restore_environment, dict(os.environ))
            _forget_aws()
            self._start_engines(starting)
            self._set_environment()
            module = importlib.import_module(self._app_module)
            self.app = module.app
            self._make_pumps(module)
            starting.callback(self._stop_pumps)
            self._server = Server(self.app, claimed)
            starting.callback(self._server.stop)
            self._catch_up()
            for pump in [*self._queues, *self._streams, *self._schedules]:
                pump.start()
            self._server.start()
            self._check_ready()
            self._running = starting.pop_all()

    def stop(self) -> None:
        """Stops in order: the API, what feeds the functions, the engines. Running handlers finish."""
        self._running.close()

    def wait_until_quiet(self, timeout: float = 60.0) -> None:
        """Returns once every message and every change is handled; TimeoutError after so many seconds."""
        wait_until_quiet(self._queues, self._streams, self._schedules, timeout)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start_engines(self, starting: ExitStack) -> None:
        if self._given_engines is None:
            self.engines = start_engines(self._data)
            starting.callback(self.engines.stop)
        else:
            self.engines = self._given_engines
        self.clients = connect(self.engines)
        self.resources = create_resources(self.clients, self._prefix)

    def _set_environment(self) -> None:
        os.environ.update(environment(self.resources, self.engines))
        os.environ["NIGHTJAR_ADMIN_TOKEN_SHA256"] = hashlib.sha256(self.token.encode()).hexdigest()

    def _make_pumps(self, module: Any) -> None:
        seconds = timeouts(CONFIG)

        def function(name: str, handler: Handler) -> Function:
            return Function(name, handler, seconds.get(name, seconds["*"]))

        sqs, queues = self.clients.sqs, self.resources.queues
        self._queues += [
            QueuePump(sqs, queues["IngestQueue"], function("ingest", module.ingest), workers=INGEST_WORKERS),
            QueuePump(sqs, queues["JobsQueue"], function("work", module.work), workers=JOB_WORKERS, batch=1),
        ]
        self._streams.append(
            StreamPump(
                self.clients.streams,
                self.resources.stream_arn,
                function("settle", module.settle),
                self._report_failure,
                lanes=SETTLE_LANES,
                window=SETTLE_WINDOW,
                place=self._data / "stream.json" if self._data else None,
            )
        )
        self._schedules.append(SchedulePump(function("watch", module.watch), self._watch_seconds))

    def _report_failure(self, record: Record, shard: str, tries: int) -> None:
        self.clients.sqs.send_message(
            QueueUrl=self.resources.queues["SettleFailures"].url,
            MessageBody=failure_message(record, shard, "settle", tries),
        )

    def _catch_up(self) -> None:
        if self._data is None:
            return
        missing = catch_up(self.clients, self.resources)
        if missing:
            print(f"Catching up on {missing:,} photographs that were sent before ...", flush=True)
        taken_up = take_up_jobs()
        if taken_up:
            print(f"Going on with {taken_up:,} jobs ...", flush=True)

    def _check_ready(self) -> None:
        status = status_of(self.url, self._ready_path, timeout=30)
        if status != 200:
            raise RuntimeError(f"The API does not work: it answers {status} to {self._ready_path}.")

    def _stop_pumps(self) -> None:
        _stop([*self._schedules, *self._queues])
        _stop(self._streams)


def timeouts(path: Path) -> dict[str, float]:
    """How long each function may run, in seconds, from Chalice's configuration; "*" for all others."""
    seconds = {"*": 60.0}
    if path.exists():
        config = json.loads(path.read_text())
        for part in [config, *config.get("stages", {}).values()]:
            if "lambda_timeout" in part:
                seconds["*"] = float(part["lambda_timeout"])
            for name, own in part.get("lambda_functions", {}).items():
                if "lambda_timeout" in own:
                    seconds[name] = float(own["lambda_timeout"])
    return seconds


def _stop(pumps: Sequence[Pump]) -> None:
    """All at once: each may have a second's poll to wait for."""
    for pump in pumps:
        pump.stopping.set()
    for pump in pumps:
        pump.stop()


def _forget_aws() -> None:
    """Removes whatever says how to reach the real AWS, or other emulators: nothing here may do so."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]


def _restore_environment(before: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(before)
