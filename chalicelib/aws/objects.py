"""S3: reading originals, keeping thumbnails, signing URLs. Signing asks nobody."""

import base64
import re
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from typing import IO, TYPE_CHECKING, Any

import boto3
from boto3.exceptions import S3UploadFailedError
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    HTTPClientError,
    IncompleteReadError,
    ReadTimeoutError,
)
from botocore.exceptions import ConnectionError as UnreachableError

from chalicelib.errors import Conflict, NightjarError, SourceGone, SourceSlow, StorageFault

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef, ObjectIdentifierTypeDef

SLOWEST = 30
"""Seconds until an object has come, all of it."""

_PIECE = 64 * 1024
_WORD = re.compile(r"[A-Za-z0-9.]{1,60}", re.ASCII)
_TIMEOUTS = (ConnectTimeoutError, ReadTimeoutError)
_BROKEN = (UnreachableError, HTTPClientError, IncompleteReadError)


making = threading.Lock()
"""Threads may share a client, but must not make theirs at the same time: boto3's session is one."""


@cache
def _client(attempts: int = 4) -> "S3Client":
    config = Config(
        signature_version="s3v4",
        connect_timeout=5,
        read_timeout=SLOWEST,
        max_pool_connections=32,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )
    with making:
        return boto3.client("s3", config=config)


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object's bytes (none when it is larger than asked for) and what S3 knows about it."""

    data: bytes | None
    size: int
    version: str
    last_modified: datetime


def read(bucket: str, key: str, max_bytes: int, version: str | None = None) -> StoredObject:
    """The object, in one request; its bytes only if there are at most `max_bytes` of them.

    Raises SourceGone if there is no such object, Conflict if it is not at `version` (if one is given),
    SourceSlow if it does not come within half a minute, StorageFault if the storage will not give it.
    """
    begin = time.monotonic()
    condition: Any = {"IfMatch": version} if version else {}
    try:
        # Once: whoever waits for it hears in time, and whoever sent for it comes again.
        answer = _client(attempts=1).get_object(Bucket=bucket, Key=key, **condition)
        with answer["Body"] as body:
            data = _bytes(body, begin) if answer["ContentLength"] <= max_bytes else None
    except ClientError as error:
        raise refused_read(error) from error
    except _TIMEOUTS as error:
        raise SourceSlow("The storage takes too long to give the photograph.") from error
    except _BROKEN as error:
        raise StorageFault("The connection to the storage broke off.") from error
    return StoredObject(data, answer["ContentLength"], answer["ETag"].strip('"'), answer["LastModified"])


def _bytes(body: "StreamingBody", begin: float) -> bytes:
    # The client's own limit is on the time between two pieces: one that drips would never meet it.
    pieces = []
    while piece := body.read(_PIECE):
        pieces.append(piece)
        if time.monotonic() - begin > SLOWEST:
            raise SourceSlow("The storage takes too long to give the photograph.")
    return b"".join(pieces)


def refused_read(error: ClientError) -> NightjarError:
    """What it means that a storage would not give an object."""
    code = _code(error)
    if code in ("NoSuchKey", "404"):
        return SourceGone("The photograph is no longer there.")
    if code in ("PreconditionFailed", "412"):
        return Conflict("The photograph is being replaced; ask again in a moment.")
    return StorageFault(f"The storage would not give the photograph ({code}).")


def _code(error: ClientError) -> str:
    code = error.response.get("Error", {}).get("Code", "")
    return code if _WORD.fullmatch(code) else "no reason that can be told"


def write(bucket: str, key: str, data: bytes, content_type: str) -> None:
    """Keeps bytes under a name that never changes its content, so that they may be cached for a year.

    Raises StorageFault if the storage will not keep them.
    """
    try:
        _client().put_object(
            Bucket=bucket,
            Key=key,
            Body=data,
            ContentType=content_type,
            CacheControl="public, max-age=31536000, immutable",
        )
    except ClientError as error:
        raise StorageFault(f"The storage would not keep it ({_code(error)}).") from error
    except (*_TIMEOUTS, *_BROKEN) as error:
        raise StorageFault("The connection to the storage broke off.") from error


def write_file(bucket: str, key: str, file: IO[bytes], file_name: str) -> None:
    """Keeps a table of comma-separated values that is compressed already, for browsers to save under
    `file_name`, uncompressed. One request, or several for a large one. Raises StorageFault."""
    told = {
        "ContentType": "text/csv; charset=utf-8",
        "ContentEncoding": "gzip",
        "ContentDisposition": f'attachment; filename="{file_name}"',
        "CacheControl": "private, no-cache",
    }
    try:
        _client().upload_fileobj(file, bucket, key, ExtraArgs=told)
    except (ClientError, S3UploadFailedError) as error:
        raise StorageFault("The storage would not keep the file.") from error
    except (*_TIMEOUTS, *_BROKEN) as error:
        raise StorageFault("The connection to the storage broke off.") from error


def read_url(bucket: str, key: str, lifetime: int, content_type: str | None = None) -> str:
    """A URL that lets its holder read the object for `lifetime` seconds.

    With a content type, a browser is told that one, whatever was said when the object was put.
    """
    wanted = {"Bucket": bucket, "Key": key}
    if content_type:
        wanted["ResponseContentType"] = content_type
    return _client().generate_presigned_url("get_object", Params=wanted, ExpiresIn=lifetime)


def stable_url(bucket: str, key: str, lifetime: int) -> str:
    """A URL like that of `read_url` which this process gives again for half of its `lifetime`, so that a
    browser knows it, and what it led to."""
    return _signed_in(int(time.time() // (lifetime / 2)), bucket, key, lifetime)


@lru_cache(maxsize=20_000)
def _signed_in(period: int, bucket: str, key: str, lifetime: int) -> str:  # noqa: ARG001
    return read_url(bucket, key, lifetime)


def download_url(bucket: str, key: str, lifetime: int) -> str:
    """A URL whose bytes a browser saves and never shows: nobody knows what they are."""
    wanted = {
        "Bucket": bucket,
        "Key": key,
        "ResponseContentType": "application/octet-stream",
        "ResponseContentDisposition": "attachment",
    }
    return _client().generate_presigned_url("get_object", Params=wanted, ExpiresIn=lifetime)


def version_of(bucket: str, key: str) -> str | None:
    """The version of the object as it is now, None if there is none. One request."""
    answer = _head(bucket, key)
    return answer["ETag"].strip('"') if answer else None


@dataclass(frozen=True, slots=True)
class Listed:
    """An object as a listing tells of it."""

    key: str
    written: datetime
    size: int


def under(bucket: str, prefix: str, after: str | None = None) -> Iterator[Listed]:
    """The objects whose keys begin with `prefix`, those that follow the key `after` if one is given, in the
    order of their keys. One request per thousand."""
    start: Any = {"StartAfter": after} if after else {}
    pages = _client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, **start)
    return (
        Listed(each["Key"], each["LastModified"], each["Size"])
        for page in pages
        for each in page.get("Contents", ())
    )


def delete(bucket: str, keys: Sequence[str]) -> None:
    """Deletes objects; one that is not there is deleted. One request per thousand.

    Raises StorageFault if S3 would not delete one.
    """
    for at in range(0, len(keys), 1000):
        wanted: list[ObjectIdentifierTypeDef] = [{"Key": key} for key in keys[at : at + 1000]]
        answer = _client().delete_objects(Bucket=bucket, Delete={"Objects": wanted, "Quiet": True})
        for error in answer.get("Errors", ()):
            raise StorageFault(f"{error.get('Key')} could not be deleted: {error.get('Message')}.")


def holds(bucket: str, key: str, size: int, sha256: str) -> bool:
    """Whether the object is there with these very bytes, as far as its upload said. One request."""
    answer = _head(bucket, key)
    return answer is not None and (answer["ContentLength"], answer["Metadata"].get("sha256")) == (
        size,
        sha256,
    )


def _head(bucket: str, key: str) -> "HeadObjectOutputTypeDef | None":
    try:
        return _client().head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if _code(error) in ("NoSuchKey", "NotFound", "404"):
            return None
        raise StorageFault(f"The storage would not tell of an object ({_code(error)}).") from error


def upload_form(
    bucket: str, key: str, content_type: str, size: int, sha256: str | None, lifetime: int
) -> tuple[str, dict[str, str]]:
    """URL and fields of a presigned POST that S3 holds to this key, type, size and (hex) SHA-256."""
    fields: dict[str, Any] = {"Content-Type": content_type}
    conditions: list[Any] = [{"Content-Type": content_type}, ["content-length-range", size, size]]
    if sha256:
        checksum = {
            "x-amz-checksum-algorithm": "SHA256",
            "x-amz-checksum-sha256": base64.b64encode(bytes.fromhex(sha256)).decode(),
            "x-amz-meta-sha256": sha256,
        }
        fields |= checksum
        conditions += [{name: value} for name, value in checksum.items()]
    form = _client().generate_presigned_post(
        bucket, key, Fields=fields, Conditions=conditions, ExpiresIn=lifetime
    )
    return form["url"], form["fields"]
