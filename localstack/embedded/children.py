"""Child processes that answer HTTP: started, awaited until they answer, and never left behind."""

import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

READY_SECONDS = 60.0
STOP_SECONDS = 8.0
POLL_SECONDS = 0.05

_LEASH = Path(__file__).with_name("leash.py")


class EngineError(RuntimeError):
    """An engine cannot be had or does not start; the message says what to do or what it said."""


@dataclass(frozen=True)
class Engine:
    """A running emulator. It ends with `stop()`, or with this process, however that ends."""

    name: str
    version: str
    url: str
    process: subprocess.Popen[bytes]

    @property
    def title(self) -> str:
        """For people: "DynamoDB Local 3.3.1"."""
        return f"{self.name} {self.version}"

    @property
    def running(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    def stop(self) -> None:
        """Ends it and waits until it is gone; harmless when it is gone already."""
        if self.process.stdin:
            self.process.stdin.close()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def free_port() -> int:
    """A TCP port on 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start_engine(
    name: str,
    version: str,
    command: Callable[[int], Sequence[str]],
    *,
    port: int | None,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    ready_seconds: float = READY_SECONDS,
) -> Engine:
    """Starts `command(port)` and returns once it answers HTTP there.

    Without a port it takes a free one, and another should somebody be faster.
    """
    attempts = 1 if port else 3
    while True:
        attempts -= 1
        chosen = port or free_port()
        try:
            return _start(name, version, command(chosen), chosen, environment or {}, cwd, ready_seconds)
        except EngineError:
            if not attempts:
                raise


def _start(
    name: str,
    version: str,
    command: Sequence[str],
    port: int,
    environment: Mapping[str, str],
    cwd: Path | None,
    ready_seconds: float,
) -> Engine:
    said = tempfile.TemporaryFile()  # noqa: SIM115 - read here only if the start fails; the child keeps it
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(_LEASH), *command],
        stdin=subprocess.PIPE,
        stdout=said,
        stderr=said,
        cwd=cwd,
        env={**os.environ, **environment},
        start_new_session=True,  # Ctrl-C in the terminal is for us alone
    )
    engine = Engine(name, version, f"http://127.0.0.1:{port}", process)
    try:
        _await_answer(engine, ready_seconds)
    except BaseException as error:
        engine.stop()
        if isinstance(error, EngineError):
            raise EngineError(f"{error}\n{_tail(said)}".rstrip()) from None
        raise
    finally:
        said.close()
    return engine


def _await_answer(engine: Engine, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not engine.running:
            raise EngineError(f"{engine.name} ended while starting:")
        if status_of(engine.url) is not None:
            return
        time.sleep(POLL_SECONDS)
    raise EngineError(f"{engine.name} did not answer within {seconds:.0f} s:")


def status_of(url: str, path: str = "/", timeout: float = 5.0) -> int | None:
    """The status of what is answered to a GET there; None when nothing speaks HTTP there."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=timeout)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return answer.status


def _tail(said: IO[bytes], size: int = 2000) -> str:
    end = said.seek(0, os.SEEK_END)
    said.seek(max(0, end - size))
    return said.read().decode(errors="replace")
