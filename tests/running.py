"""The embedded stack in a process of its own, as a client meets it."""

import os
import subprocess
import sys
from pathlib import Path

from cli.client import Client

ROOT = Path(__file__).resolve().parents[1]
TOKEN = "the token of this run"

PROGRAM = """
import sys
from localstack.embedded import stack
with stack.Stack(admin_token=sys.argv[1]) as running:
    print(running.url, running.engines.moto.url, flush=True)
    sys.stdin.read()
"""


class Running:
    """A stack, and what its program prints: first its URL and that of moto."""

    def __init__(self, program: str = PROGRAM) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, TOKEN],
            cwd=ROOT,
            env={
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("AWS_", "NIGHTJAR_"))
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout
        self.url, self.engine, *self.printed = self.process.stdout.readline().split()
        self.client = Client(self.url, TOKEN)

    def stop(self) -> int:
        self.process.communicate()
        return self.process.returncode
