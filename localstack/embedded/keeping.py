"""Keeps moto's objects in a folder: what S3 has answered for is on disk, and is there after a restart.

Runs in moto's process. Every change of an object is on disk before S3 answers the request that made it,
and before anybody is notified of it: a kill, whenever it comes, takes nothing that was acknowledged.

Under `<folder>/<xx>/` an object is a file with its bytes and a note, a small JSON file with its bucket, key,
ETag and headers. Keys may hold anything; file names hold digests, and the key's suffix where that is plain,
so that the bytes open in an image viewer. The note is written after the bytes and removed before them: an
object is there whole or not at all. Once on disk, moto reads its bytes from there: memory and temporary
files hold none of them, and a start only reads the notes.
"""

import fcntl
import hashlib
import json
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from moto.core import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.s3 import notifications
from moto.s3.models import FakeBucket, FakeKey, S3Backend, s3_backends

from localstack.embedded.files import write_whole
from localstack.embedded.template import REGION

CLAIM_SECONDS = 4.0
_PLAIN_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,5}\Z")
_NOTE = ".note.json"
_CHECKSUM = ("checksum_algorithm", "checksum_value", "checksum_type", "checksum_parts")
_STRIPES = 64


def keep_objects(folder: Path) -> None:
    """Puts back what is kept there and from now on keeps every change. Call it before moto listens."""
    _claim(folder)
    keeper = Keeper(folder)
    keeper.put_back(s3_backends[DEFAULT_ACCOUNT_ID]["aws"])
    _keep_before_answering(keeper)


class Keeper:
    """The folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # Two changes of one object must not be written at the same time; those of different objects may.
        self._locks = [threading.Lock() for _ in range(_STRIPES)]

    def keep(self, bucket: FakeBucket, name: str) -> None:
        """Makes the disk agree with the bucket as it is now, in whatever order changes are kept."""
        note = self._note(bucket.name, name)
        with self._locks[hash(note) % _STRIPES]:
            before = json.loads(note.read_bytes())["file"] if note.exists() else None
            key = bucket.keys.get(name)
            after = _write(note, key) if key else None
            if before and before != after:
                if after is None:
                    note.unlink()
                (note.parent / before).unlink(missing_ok=True)

    def put_back(self, backend: S3Backend) -> None:
        """Gives an empty backend all objects, as they were, and clears away what a kill left half written."""
        for folder in self._folder.glob("[0-9a-f][0-9a-f]"):
            there = {path.name for path in folder.iterdir()}
            used = set()
            for name in {name for name in there if name.endswith(_NOTE)}:
                note = json.loads((folder / name).read_bytes())
                if note["file"] in there:
                    used |= {name, note["file"]}
                    _put_back(backend, note, folder / note["file"])
            for name in there - used:
                (folder / name).unlink()

    def _note(self, bucket: str, name: str) -> Path:
        digest = hashlib.sha256(f"{bucket}/{name}".encode()).hexdigest()
        return self._folder / digest[:2] / f"{digest}{_NOTE}"


class _OnDisk:
    """What a key has for a buffer once its bytes are in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def seek(self, _to: int) -> None:
        """Every read is of the whole."""

    def read(self) -> bytes:
        return self._path.read_bytes()

    def close(self) -> None:
        """Nothing is open."""


def _write(note: Path, key: FakeKey) -> str:
    etag = key.etag.strip('"')
    path = note.parent / _file_name(note.stem, key.name, etag)
    write_whole(path, key.value)
    fields = {
        "bucket": key.bucket_name,
        "key": key.name,
        "file": path.name,
        "etag": etag,
        "size": key.size,
        "last_modified": key.last_modified.isoformat(),
        "metadata": dict(key.metadata),  # the content type and all other headers among it
        "checksum": {name: getattr(key, name) for name in _CHECKSUM},
    }
    write_whole(note, json.dumps(fields, indent=1).encode())
    with key.lock:
        key._value_buffer, buffer = _OnDisk(path), key._value_buffer
    buffer.close()
    return path.name


def _file_name(digest: str, name: str, etag: str) -> str:
    """A name of its own for every content, so that new bytes never take the place of noted ones."""
    suffix = _PLAIN_SUFFIX.search(name)
    content = hashlib.sha256(f"{digest}{etag}".encode()).hexdigest()
    return content + (suffix[0].lower() if suffix else "")


def _put_back(backend: S3Backend, note: dict[str, Any], path: Path) -> None:
    bucket = backend.buckets.get(note["bucket"]) or backend.create_bucket(note["bucket"], REGION)
    key = FakeKey(
        name=note["key"],
        value=b"",
        account_id=backend.account_id,
        region_name=backend.region_name,
        etag=note["etag"],
        version_id="null",
        bucket_name=note["bucket"],
    )
    key.contentsize = note["size"]
    key.last_modified = datetime.fromisoformat(note["last_modified"])
    key.set_metadata(note["metadata"])
    for name, value in note["checksum"].items():
        setattr(key, name, value)
    key._value_buffer = _OnDisk(path)
    bucket.keys.setlist(note["key"], [key])


def _keep_before_answering(keeper: Keeper) -> None:
    """S3 notifies of every change, before the handler has set all headers of the object. Notifications are
    held back until the handler is done and the objects they speak of are on disk; only then is answered."""
    held = threading.local()
    notify: Callable[..., None] = notifications.send_event
    answer: Callable[..., Iterable[bytes]] = DomainDispatcherApplication.__call__

    def hold(account_id: str, event_name: Any, bucket: FakeBucket, key: FakeKey) -> None:
        held.events.append((account_id, event_name, bucket, key))

    def answer_for_kept(application: Any, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        held.events = []
        answered = answer(application, environ, start_response)
        for _, _, bucket, key in held.events:
            keeper.keep(bucket, key.name)
        for event in held.events:
            notify(*event)
        return answered

    notifications.send_event = hold
    DomainDispatcherApplication.__call__ = answer_for_kept


def _claim(folder: Path) -> None:
    """Takes the folder for this process alone, waiting a moment for one that was told to end."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / ".lock").open("w")
    deadline = time.monotonic() + CLAIM_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                sys.exit(f"{folder} is in use by another Nightjar: stop that, or choose another folder.")
            time.sleep(0.05)
        else:
            _claims.append(lock)
            return


_claims: list[Any] = []
"""Open until the process ends: closing one would give it up."""
