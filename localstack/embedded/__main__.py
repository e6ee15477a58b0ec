"""`make run`, or `python -m localstack.embedded`: the service with everything it needs, on this machine.

Environment:
    PORT                  of the API and the console, on 127.0.0.1 (8000; 0 takes a free one)
    NIGHTJAR_ADMIN_TOKEN  the administrator's token (else one is made up and printed)
    NIGHTJAR_DATA         a folder to keep the table and the photographs in (else all is in memory)
    DEMO=1                generates a night of photographs and uploads it
"""

import logging
import os
import signal
import subprocess
import sys
import threading
import types
from pathlib import Path

from localstack.embedded.engines import EngineError
from localstack.embedded.server import PortTakenError
from localstack.embedded.stack import Stack


def main() -> int:
    """Runs until told to stop. Returns the exit status."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        port = _port(os.environ.get("PORT", "8000"))
        stack = Stack(port, admin_token=os.environ.pop("NIGHTJAR_ADMIN_TOKEN", None), data=_data_folder())
        stack.start()
        stack.app.log.handlers.clear()  # Chalice's own, beside ours: every line would be said twice
    except (EngineError, PortTakenError, ValueError) as error:
        print(_advice(error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    try:
        print(_ready(stack), flush=True)
        if os.environ.get("DEMO") == "1":
            _make_demo(stack)
        threading.Event().wait()
    except KeyboardInterrupt:
        print("\nStopping …", flush=True)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # it is under way, in order
        stack.stop()
    return 0


def _interrupt(_number: int, _frame: types.FrameType | None) -> None:
    raise KeyboardInterrupt


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise ValueError(f"PORT must be a number up to 65535, not {text!r}.")
    return int(text)


def _data_folder() -> Path | None:
    text = os.environ.get("NIGHTJAR_DATA")
    return Path(text).expanduser().resolve() if text else None


def _advice(error: Exception) -> str:
    if isinstance(error, PortTakenError):
        return f"{error.strerror}. Stop what uses it, or take a free one: PORT=0 make run"
    return str(error)


def _ready(stack: Stack) -> str:
    data = _data_folder()
    lines = {
        "Nightjar": stack.url,
        "Token": f"{stack.token}   (administrator)",
        "Engine": stack.engines.title,
        "Data": str(data) if data else "in memory; NIGHTJAR_DATA=folder keeps it",
        "Stop": "Ctrl-C",
    }
    return "\n" + "\n".join(f"  {name:<9} {text}" for name, text in lines.items()) + "\n"


def _make_demo(stack: Stack) -> None:
    # A process of its own: here, drawing would take turns with the functions for the one interpreter.
    environment = {**os.environ, "NIGHTJAR_TOKEN": stack.token}
    with subprocess.Popen([sys.executable, "-m", "localstack.demo", stack.url], env=environment) as demo:
        try:
            demo.wait()
        except KeyboardInterrupt:
            demo.terminate()
            raise


if __name__ == "__main__":
    sys.exit(main())
