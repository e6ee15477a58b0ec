"""What became of every object, as a file: a table of comma-separated values.

Each step of a sync writes a part of it, under a name that only its cursor knows; in the end they are put
together. What steps left behind that were cut off goes with them.
"""

import csv
import gzip
import io
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Sequence

from chalicelib.aws import objects
from chalicelib.captures import registering
from chalicelib.errors import SourceGone
from chalicelib.settings import Settings
from chalicelib.sources.rules import uri
from chalicelib.syncing.service import Line

COLUMNS = ("outcome", "reason", "object", "bytes", "capture_id", "undated")

_IN_MEMORY = 8_000_000
_LARGEST_PART = 1_000_000_000


class Part:
    """The lines of one step, compressed as they come."""

    def __init__(self, deployment_id: str, bucket: str) -> None:
        self._deployment_id, self._bucket = deployment_id, bucket
        self._bytes = io.BytesIO()
        self._zipped = gzip.GzipFile(fileobj=self._bytes, mode="wb", compresslevel=4, mtime=0)
        self._text = io.TextIOWrapper(self._zipped, "utf-8", newline="")
        self._writer = csv.writer(self._text)

    def add(self, lines: Iterable[Line]) -> None:
        """Adds lines. An object is named by its URI: what begins so is no formula to any spreadsheet."""
        for each in lines:
            capture_id = registering.capture_id(self._deployment_id, each.key) if _is_capture(each) else ""
            undated = "undated" if each.undated else ""
            where = uri(self._bucket, each.key)
            self._writer.writerow((each.fate.value, each.reason, where, each.size, capture_id, undated))

    def keep(self, job_id: str, settings: Settings) -> str:
        """Keeps it, and returns its name. One request of S3."""
        self._text.close()
        name = secrets.token_hex(6)
        key = f"{_folder(job_id)}parts/{name}"
        objects.write(settings.thumbnails_bucket, key, self._bytes.getvalue(), "application/gzip")
        return name


def join(job_id: str, parts: Sequence[str], file_name: str, settings: Settings, *, is_repeat: bool) -> None:
    """Puts the parts together, and clears them away. One request of S3 for each, two more, and one per
    thousand that are deleted; memory stays at some tens of megabytes.

    `is_repeat`: it may have been done before, and then they are gone.
    """
    bucket, folder = settings.thumbnails_bucket, _folder(job_id)
    if is_repeat and objects.version_of(bucket, f"{folder}parts/{parts[0]}") is None:
        if objects.version_of(bucket, _key(job_id)) is None:
            raise SourceGone("The parts of the report are gone, and there is none.")
        _clear(bucket, folder)
        return
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
        with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=6, mtime=0) as whole:
            whole.write(",".join(COLUMNS).encode() + b"\r\n")
            for name in parts:
                _copy(bucket, f"{folder}parts/{name}", whole)
        file.seek(0)
        objects.write_file(bucket, _key(job_id), file, file_name)
    _clear(bucket, folder)


def _clear(bucket: str, folder: str) -> None:
    objects.delete(bucket, [each.key for each in objects.under(bucket, f"{folder}parts/")])


def url(job_id: str, settings: Settings) -> str | None:
    """Where the report is to be had for a while; None if there is none, or not yet. One request of S3."""
    bucket = settings.thumbnails_bucket
    if objects.version_of(bucket, _key(job_id)) is None:
        return None
    return objects.read_url(bucket, _key(job_id), settings.url_lifetime)


def _copy(bucket: str, key: str, whole: gzip.GzipFile) -> None:
    data = objects.read(bucket, key, _LARGEST_PART).data or b""
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as part:
        shutil.copyfileobj(part, whole, 1 << 20)


def _is_capture(line: Line) -> bool:
    return line.fate not in ("skipped", "failed")


def _folder(job_id: str) -> str:
    return f"reports/{job_id}/"


def _key(job_id: str) -> str:
    return f"{_folder(job_id)}report.csv"
