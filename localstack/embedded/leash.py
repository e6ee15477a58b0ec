"""Runs a command that must not outlive whoever started it: `python leash.py COMMAND ARGUMENT…`.

Whoever started it holds the other end of its standard input. When that end closes, because it was
closed or because its holder died in whatever way, SIGKILL included, the command is told to end and,
after a grace of some seconds, made to. A pipe works the same on every Unix; Linux's PR_SET_PDEATHSIG
would also end the command when merely the *thread* that started it ends. Here, where one thread
starts one command, it is good for the rest: that the command ends when this leash itself is killed.

Needs nothing but the standard library: it is run by path, without the project on the module path.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import types

GRACE_SECONDS = 3.0
PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def hold(command: list[str]) -> int:
    """Runs the command until it ends or the leash is let go. Returns its exit status."""
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - no threads yet
    )

    def stop(_number: int, _frame: types.FrameType | None) -> None:
        child.terminate()

    # Ctrl-C is for the holder, who ends its engines in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=_end_when_let_go, args=(child,), daemon=True).start()
    return child.wait()


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _end_when_let_go(child: subprocess.Popen[bytes]) -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass  # nothing is said on this line; its end is the message
    child.terminate()
    try:
        child.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()


if __name__ == "__main__":
    sys.exit(hold(sys.argv[1:]))
