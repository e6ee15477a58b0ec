"""S3: reading originals, keeping thumbnails, signing URLs. Signing asks nobody."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from chalicelib.errors import SourceGone, StorageFault

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef, ObjectIdentifierTypeDef

_CONFIG = Config(
    signature_version="s3v4",
    connect_timeout=5,
    read_timeout=30,
    max_pool_connections=32,
    retries={"mode": "standard", "total_max_attempts": 4},
)


@cache
def _client() -> "S3Client":
    return boto3.client("s3", config=_CONFIG)


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object's bytes (none when it is larger than asked for) and what S3 knows about it."""

    data: bytes | None
    size: int
    version: str
    last_modified: datetime


def read(bucket: str, key: str, max_bytes: int) -> StoredObject:
    """The object, in one request; its bytes only if there are at most `max_bytes` of them.

    Raises SourceGone if there is no such object.
    """
    try:
        answer = _client().get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
            raise SourceGone("The photograph is no longer there.") from error
        raise
    size = answer["ContentLength"]
    with answer["Body"] as body:
        data = body.read() if size <= max_bytes else None
    return StoredObject(data, size, answer["ETag"].strip('"'), answer["LastModified"])


def write(bucket: str, key: str, data: bytes, content_type: str) -> None:
    """Keeps bytes under a name that never changes its content, so that they may be cached for a year."""
    _client().put_object(
        Bucket=bucket,
        Key=key,
        Body=data,
        ContentType=content_type,
        CacheControl="public, max-age=31536000, immutable",
    )


def read_url(bucket: str, key: str, lifetime: int, content_type: str | None = None) -> str:
    """A URL that lets its holder read the object for `lifetime` seconds.

    With a content type, a browser is told that one, whatever was said when the object was put.
    """
    wanted = {"Bucket": bucket, "Key": key}
    if content_type:
        wanted["ResponseContentType"] = content_type
    return _client().generate_presigned_url("get_object", Params=wanted, ExpiresIn=lifetime)


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


def keys_under(bucket: str, prefix: str) -> list[str]:
    """The keys that begin with `prefix`. One request per thousand."""
    pages = _client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [entry["Key"] for page in pages for entry in page.get("Contents", ())]


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
        if error.response["Error"]["Code"] in ("NoSuchKey", "NotFound", "404"):
            return None
        raise


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
