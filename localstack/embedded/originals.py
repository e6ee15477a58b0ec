"""Keeps the objects of buckets as files, since moto keeps them in memory only.

Under `<folder>/<bucket>/<xx>/`, where xx begins the SHA-256 of the object's key, an object is a file
with its bytes and a small JSON file with its key, ETag and headers. Keys may hold anything; file names
hold digests, and the key's suffix where that is plain, so that the bytes open in an image viewer. The
JSON file is written last and names the file with the bytes: an object is on disk whole or not at all.

What changes when objects are put back: their LastModified, and the ETag of those uploaded in parts.
Both buckets notify the functions as they do of any upload: ingest knows an object by its ETag and has
nothing to do, or catches up on what was uploaded when the stack was stopped.
"""

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from botocore.exceptions import ClientError

from localstack.embedded.files import write_whole

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

AT_A_TIME = 8
REPORT_EVERY = 20

_HEADERS = (
    "ContentType",
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "Metadata",
)
_PLAIN_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,5}\Z")
_STRIPES = 64


@dataclass(frozen=True, slots=True)
class Kept:
    """What is on disk of one object."""

    bucket: str
    key: str
    etag: str
    file: str
    """The name of the file with its bytes, beside this one."""
    headers: Mapping[str, Any]
    """As arguments of PutObject."""


class Originals:
    """A folder that mirrors some buckets."""

    def __init__(self, s3: "S3Client", folder: Path) -> None:
        self._s3 = s3
        self._folder = folder
        # Two events of one object must not be mirrored at the same time; different objects may.
        self._locks = [threading.Lock() for _ in range(_STRIPES)]

    def mirror_event(self, event: Mapping[str, Any]) -> None:
        """Mirrors every object that an event from a queue of S3 notifications speaks of."""
        for message in event["Records"]:
            for record in json.loads(message["body"]).get("Records", []):
                self.mirror(record["s3"]["bucket"]["name"], unquote_plus(record["s3"]["object"]["key"]))

    def mirror(self, bucket: str, key: str) -> None:
        """Makes the disk agree with the bucket as it is now, whatever the event said: order is no matter."""
        note = self._note(bucket, key)
        with self._locks[hash(note) % _STRIPES]:
            kept = _read(note)
            try:
                found = self._get(bucket, key, kept)
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] == 304:
                    return
                if error.response["Error"]["Code"] not in {"NoSuchKey", "404"}:
                    raise
                _forget(note, kept)
            else:
                _keep(
                    note,
                    kept,
                    Kept(bucket, key, found["ETag"], _file_name(key, found), _headers(found)),
                    found,
                )

    def put_back(self, progress: IO[str] | None = None) -> int:
        """Puts every kept object back into its bucket, says so on `progress`, returns how many there are."""
        notes = sorted(self._folder.glob("*/*/*.json"))
        with ThreadPoolExecutor(AT_A_TIME) as putting:
            for done, _ in enumerate(putting.map(self._put_back_one, notes), 1):
                _report(progress, done, len(notes))
        return len(notes)

    def kept(self) -> Iterator[Kept]:
        """What is on disk."""
        for note in sorted(self._folder.glob("*/*/*.json")):
            yield _read_note(note)

    def _put_back_one(self, note: Path) -> None:
        kept = _read_note(note)
        with (note.parent / kept.file).open("rb") as body:
            answer = self._s3.put_object(Bucket=kept.bucket, Key=kept.key, Body=body, **kept.headers)
        if answer["ETag"] != kept.etag:
            _write_note(note, Kept(kept.bucket, kept.key, answer["ETag"], kept.file, kept.headers))

    def _get(self, bucket: str, key: str, kept: Kept | None) -> "GetObjectOutputTypeDef":
        if kept is None:
            return self._s3.get_object(Bucket=bucket, Key=key)
        return self._s3.get_object(Bucket=bucket, Key=key, IfNoneMatch=kept.etag)

    def _note(self, bucket: str, key: str) -> Path:
        digest = hashlib.sha256(key.encode()).hexdigest()
        return self._folder / bucket / digest[:2] / f"{digest}.json"


def _report(progress: IO[str] | None, done: int, total: int) -> None:
    """Draws the bar over itself in a terminal; elsewhere it is drawn once, at the end."""
    if progress is None:
        return
    drawn = progress.isatty() and done % REPORT_EVERY == 0
    if drawn or done == total:
        progress.write(f"\rPutting objects back {bar(done, total)}" + ("\n" if done == total else ""))
        progress.flush()


def bar(done: int, total: int, width: int = 30) -> str:
    """[#######...........] 120 of 480."""
    filled = width * done // total
    return f"[{'#' * filled}{'.' * (width - filled)}] {done} of {total}"


def _file_name(key: str, found: "GetObjectOutputTypeDef") -> str:
    """A name of its own for every content, so that new bytes never take the place of noted ones."""
    suffix = _PLAIN_SUFFIX.search(key)
    digest = hashlib.sha256(key.encode() + b"\0" + found["ETag"].encode()).hexdigest()
    return f"{digest}{suffix[0].lower() if suffix else '.bin'}"


def _headers(found: "GetObjectOutputTypeDef") -> dict[str, Any]:
    answer: Mapping[str, Any] = {**found}
    return {name: answer[name] for name in _HEADERS if answer.get(name)}


def _keep(note: Path, before: Kept | None, now: Kept, found: "GetObjectOutputTypeDef") -> None:
    write_whole(note.parent / now.file, found["Body"].read())
    _write_note(note, now)
    if before is not None and before.file != now.file:
        (note.parent / before.file).unlink(missing_ok=True)


def _forget(note: Path, kept: Kept | None) -> None:
    if kept is not None:
        note.unlink()
        (note.parent / kept.file).unlink(missing_ok=True)


def _write_note(note: Path, kept: Kept) -> None:
    fields = {name: getattr(kept, name) for name in Kept.__slots__}
    write_whole(note, json.dumps(fields, ensure_ascii=False, indent=1).encode())


def _read(note: Path) -> Kept | None:
    return _read_note(note) if note.exists() else None


def _read_note(note: Path) -> Kept:
    return Kept(**json.loads(note.read_bytes()))
