"""Sending a folder of photographs: what to send, in parallel, watched, and told at the end.

Nothing is remembered on this side: the server says which photographs it has, so the same command
continues where an earlier one stopped.
"""

import os
import queue
import stat
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path, PurePath
from typing import Protocol

from rich.filesize import decimal

from cli.client import CallError, Client, Receipt
from cli.form import StoppedError
from cli.photographs import EXTENSIONS

LARGEST_BYTES = 512 * 1024 * 1024

_SYSTEM_FILES = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"})


class Fate(StrEnum):
    """What became of one file; the words of the summary and the report."""

    SENT = "new"
    PRESENT = "already here"
    FAILED = "failed"
    LEFT_OUT = "left out"
    NOT_TRIED = "not tried"


@dataclass(frozen=True)
class Photograph:
    """A file to send. `name` is its path below the folder, with "/"; `size` in bytes as last seen."""

    name: str
    path: Path
    size: int


@dataclass(frozen=True)
class Outcome:
    """One line of the report. `reason` says why a file was not sent; of one that was, if it is a copy, of
    which capture."""

    name: str
    fate: Fate
    reason: str = ""
    size: int = 0
    sha256: str = ""
    capture_id: str = ""
    hopeless: bool = False  # the next file would fare no better
    is_copy: bool = False


@dataclass
class Tally:
    """Counts of every fate, and in full the outcomes the summary names. `copies`: how many of the new ones
    the server has under another name, too."""

    counts: Counter[Fate] = field(default_factory=Counter)
    copies: int = 0
    failures: list[Outcome] = field(default_factory=list)
    left_out: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Counts `outcome`."""
        self.counts[outcome.fate] += 1
        self.copies += outcome.is_copy
        if outcome.fate is Fate.FAILED:
            self.failures.append(outcome)
        elif outcome.fate is Fate.LEFT_OUT:
            self.left_out.append(outcome)


@dataclass(frozen=True)
class Found:
    """What lies in a folder: what to send, what not and why, and how many subfolders were not entered."""

    photographs: list[Photograph]
    others: list[Outcome]
    unentered: int


def find(folder: Path, *, recursive: bool) -> Found:
    """Looks through `folder` in order of name. Links to folders are never followed, so no loop can hold it.

    Raises OSError if `folder` itself cannot be read.
    """
    photographs: list[Photograph] = []
    others: list[Outcome] = []
    unentered = 0
    waiting = [("", folder)]
    while waiting:
        prefix, here = waiting.pop()
        try:
            entries = sorted(os.scandir(here), key=lambda entry: entry.name)
        except OSError as error:
            if not prefix:
                raise
            others.append(Outcome(prefix, Fate.FAILED, f"cannot be opened: {error.strerror}"))
            continue
        folders = []
        for entry in entries:
            name = prefix + entry.name
            if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
                folders.append((f"{name}/", Path(entry.path)))
                continue
            verdict = _judge(entry, name)
            photographs.append(verdict) if isinstance(verdict, Photograph) else others.append(verdict)
        if recursive:
            waiting.extend(reversed(folders))
        else:
            unentered += len(folders)
            others.extend(Outcome(name, Fate.LEFT_OUT, "a subfolder: see --recursive") for name, _ in folders)
    return Found(photographs, others, unentered)


def _judge(entry: os.DirEntry[str], name: str) -> Photograph | Outcome:
    """A photograph to send, or why it is none."""

    def left_out(reason: str) -> Outcome:
        return Outcome(name, Fate.LEFT_OUT, reason)

    if entry.name.startswith("._"):
        return left_out("macOS metadata, no photograph")
    if entry.name.startswith(".") or entry.name.lower() in _SYSTEM_FILES:
        return left_out("hidden or a system file")
    try:
        status = entry.stat()
    except OSError:
        return left_out("a link that leads nowhere")
    if stat.S_ISDIR(status.st_mode):
        return left_out("a link to a folder: upload that folder itself")
    if PurePath(entry.name).suffix.lower() not in EXTENSIONS:
        return left_out("not a photograph by its extension")
    if not stat.S_ISREG(status.st_mode):
        return left_out("not an ordinary file")
    if not status.st_size:
        return left_out("empty (0 bytes)")
    if status.st_size > LARGEST_BYTES:
        return left_out(f"larger than {decimal(LARGEST_BYTES)}")
    return Photograph(name, Path(entry.path), status.st_size)


class Watcher(Protocol):
    """Told of progress: of bytes by the workers, of files by the one who collects."""

    def moved(self, size: int) -> None:
        """So many more bytes are done; fewer when negative."""

    def tell(self, tally: Tally) -> None:
        """The counts as they are now; called a few times a second."""


def send(
    photographs: list[Photograph],
    deployment_id: str,
    client: Client,
    workers: int,
    watcher: Watcher,
    record: Callable[[Outcome], None],
    tally: Tally,
) -> None:
    """Sends `photographs`, each one's outcome given to `record` and `tally` as it comes.

    When server or storage fail many files in a row, or the token is no longer good, the rest is not
    tried. On KeyboardInterrupt the calls under way are broken off before it passes on.
    """
    todo = iter(photographs)
    lock = threading.Lock()
    done: queue.SimpleQueue[Outcome] = queue.SimpleQueue()

    def work() -> None:
        while True:
            with lock:
                photograph = next(todo, None)
            if photograph is None:
                return
            done.put(_send_one(photograph, deployment_id, client, watcher.moved))

    def take(outcome: Outcome) -> Outcome:
        record(outcome)
        tally.add(outcome)
        return outcome

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(workers, len(photographs)))]
    for thread in threads:
        thread.start()
    hopeless_in_a_row = 0
    try:
        for _ in photographs:
            outcome = take(_next(done, lambda: watcher.tell(tally)))
            hopeless_in_a_row = hopeless_in_a_row + 1 if outcome.hopeless else 0
            if hopeless_in_a_row >= 2 * workers:
                client.stop()
    finally:
        client.stop()
        for thread in threads:
            thread.join()
        while not done.empty():  # what was on its way when we were interrupted
            take(done.get())
        watcher.tell(tally)


def _next(done: "queue.SimpleQueue[Outcome]", tell: Callable[[], None]) -> Outcome:
    while True:
        tell()
        try:
            return done.get(timeout=0.2)
        except queue.Empty:
            continue


def _send_one(
    photograph: Photograph, deployment_id: str, client: Client, moved: Callable[[int], None]
) -> Outcome:
    """Whatever befalls one file is its own outcome."""
    told = 0

    def on_bytes(size: int) -> None:
        nonlocal told
        told += size
        moved(size)

    def outcome(
        fate: Fate, reason: str = "", receipt: Receipt | None = None, hopeless: bool = False
    ) -> Outcome:
        if fate is not Fate.NOT_TRIED:
            on_bytes(photograph.size - told)
        digest, capture_id = (receipt.sha256, receipt.capture_id) if receipt else ("", "")
        return Outcome(photograph.name, fate, reason, photograph.size, digest, capture_id, hopeless)

    if client.stopped:
        return outcome(Fate.NOT_TRIED)
    try:
        photograph.name.encode()
        receipt = client.send_photograph(deployment_id, photograph.name, _read(photograph), on_bytes)
    except StoppedError:
        return outcome(Fate.NOT_TRIED)
    except UnicodeEncodeError:
        return outcome(Fate.FAILED, "its name is no valid Unicode: rename it")
    except OSError as error:
        return outcome(Fate.FAILED, f"cannot be read: {error.strerror or error}")
    except CallError as error:
        return outcome(Fate.FAILED, str(error), hopeless=_hopeless(error))
    except Exception as error:  # noqa: BLE001 - an outcome that never comes would hang the command
        return outcome(Fate.FAILED, f"{type(error).__name__}: {error}")
    reason = f"a copy of {receipt.duplicate_of}" if receipt.duplicate_of else ""
    return replace(outcome(_fate(receipt), reason, receipt), is_copy=bool(reason))


def _fate(receipt: Receipt) -> Fate:
    return Fate.PRESENT if receipt.present else Fate.SENT


def _hopeless(error: CallError) -> bool:
    return error.status is None or error.status == 401 or error.status >= 500


def _read(photograph: Photograph) -> bytes:
    """The whole file, once: what is hashed is what is sent. Raises OSError if it changes meanwhile."""
    with photograph.path.open("rb") as file:
        before = os.fstat(file.fileno())
        data = file.read(photograph.size + 1)
        after = os.fstat(file.fileno())
    if len(data) != photograph.size or before.st_mtime_ns != after.st_mtime_ns:
        raise OSError("it changed since the folder was looked through; run the same command again")
    return data
