"""Buckets that are not ours: listing and reading them, with credentials that are not ours, or with none."""

import re
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.aws.guard import UNREACHABLE, Allowed, Guard, late, nobody_there
from chalicelib.aws.objects import StoredObject, making, refused_read
from chalicelib.aws.unlogged import unlogged
from chalicelib.errors import NightjarError, SourceFault, SourceSlow, StorageFault

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ListObjectsV2OutputTypeDef, ObjectTypeDef

REFUSED = "InvalidCredentials"
NO_BUCKET = "NoSuchBucket"
NO_WAY_ON = "NoContinuationToken"
DEFAULT_REGION = "us-east-1"
PAGE = 1000

LARGEST = 100 * 1024**4
"""Bytes of an object: twice what S3 takes."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_ETAG = 200

ROLE_SECONDS = 900
"""For how long the keys of a role live: the least there is."""

_REFUSALS = {
    "AccessDenied",
    "AllAccessDisabled",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidToken",
    "NoSuchKey",
    "SignatureDoesNotMatch",
    "401",
    "403",
}
_ELSEWHERE = {"AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect"}
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9.]{1,59}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Keys:
    """What requests are signed with."""

    id: str = field(repr=False)
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


_NOBODY = Keys("nobody", "nobody")


@dataclass(frozen=True, slots=True)
class Store:
    """Where a bucket is and how it is opened. Without `endpoint_url` it is AWS's, without `keys` open to
    everybody."""

    bucket: str
    region: str | None
    endpoint_url: str | None
    keys: Keys | None


@dataclass(frozen=True, slots=True)
class ForeignObject:
    """An object as a listing tells of it. Sizes in bytes. `is_odd`: it lacks what every object has, or that
    is beyond all bounds."""

    key: str
    size: int
    version: str
    written: datetime
    is_odd: bool = False


def assumed(role_arn: str, external_id: str, session: str) -> Keys:
    """Keys of a role for a quarter of an hour. One request, of STS.

    Raises SourceFault if the role may not be taken on by us for `external_id`.
    """
    config = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 2})
    with unlogged():
        try:
            with making:
                client = boto3.client("sts", config=config)
            given = client.assume_role(
                RoleArn=role_arn,
                RoleSessionName=session,
                ExternalId=external_id,
                DurationSeconds=ROLE_SECONDS,
            )["Credentials"]
        except ClientError as error:
            given, code = None, error.response.get("Error", {}).get("Code", "")
        except BotoCoreError:
            given, code = None, ""
    if given is None and code in _REFUSALS:
        raise SourceFault(
            REFUSED, f"The role cannot be taken on. Does it trust us, for the external id {external_id!r}?"
        )
    if given is None:
        raise SourceFault(UNREACHABLE, "The role cannot be taken on just now.")
    return Keys(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])


def pages(
    store: Store, prefix: str, *, after: str | None, most: int, end: float, allowed: Allowed
) -> Generator[list[ForeignObject]]:
    """The objects whose keys begin with `prefix`, those behind the key `after` if one is given, at most
    `most` of them, page by page: one request per thousand, none sent again.

    Nothing but the storage is asked: of an endpoint that is not AWS's only addresses that are `allowed`.
    Raises SourceFault if it cannot be opened, or not until `end` on the clock of `time.monotonic`.
    """
    guard = Guard(allowed if store.endpoint_url else None, end)
    client = _client(store)
    guard.watch(client)
    start: Any = {"StartAfter": after} if after else {}
    try:
        while most > 0:
            wanted = {"Bucket": store.bucket, "Prefix": prefix, "MaxKeys": min(PAGE, most), **start}
            found, following = _asked(client, wanted, end)
            yield found[:most]  # a storage may give more than it was asked for
            if not following:
                return
            most -= len(found)
            start = {"ContinuationToken": following}
    finally:
        guard.close()


def read(store: Store, key: str, version: str, *, most: int, end: float, allowed: Allowed) -> StoredObject:
    """An object of at most `most` bytes, as it is at `version`. One request, never sent again, and to such
    addresses only as `pages` asks.

    Raises SourceGone if it is not there, Conflict if it is at another version, SourceSlow if it does not
    come until `end` on the clock of `time.monotonic`, StorageFault if the storage will not give it.
    """
    guard = Guard(allowed if store.endpoint_url else None, end, most)
    client = _client(store)
    guard.watch(client)
    with unlogged():
        try:
            answer = client.get_object(Bucket=store.bucket, Key=key, IfMatch=f'"{version}"')
            data = answer["Body"].read()
            found = answer["ETag"].removeprefix("W/").strip('"')
            return StoredObject(data, len(data), found, answer["LastModified"])
        except ClientError as error:
            fault: NightjarError = refused_read(error)
        except SourceFault as error:
            fault = StorageFault(f"Its data source did not give the photograph ({error.code}).")
        except (BotoCoreError, ValueError, KeyError):
            fault = StorageFault("The connection to the storage broke off.")
        finally:
            guard.close()
    late_by = time.monotonic() >= end
    raise SourceSlow("The storage takes too long to give the photograph.") if late_by else fault


def url(store: Store, key: str, lifetime: int, shown_as: str | None) -> str:
    """A URL that lets its holder read the object for `lifetime` seconds, as that content type, or without
    one as something to save. It names the id of the key it is signed with. Asks nobody.

    Where no keys are needed it is the plain one: nobody can tell such a storage what to answer.
    """
    wanted = {"Bucket": store.bucket, "Key": key}
    if store.keys and shown_as:
        wanted["ResponseContentType"] = shown_as
    elif store.keys:
        wanted |= {
            "ResponseContentType": "application/octet-stream",
            "ResponseContentDisposition": "attachment",
        }
    with unlogged():
        return _client(store).generate_presigned_url("get_object", Params=wanted, ExpiresIn=lifetime)


def _client(store: Store) -> "S3Client":
    settings: Any = Config  # whose types take `defaults_mode` for a flag
    config = settings(
        signature_version="s3v4" if store.keys else UNSIGNED,
        s3={"addressing_style": "path" if store.endpoint_url else "auto"},
        retries={"mode": "standard", "total_max_attempts": 1},
        defaults_mode="legacy",
    )
    keys = store.keys or _NOBODY
    # Never without keys: boto would look for ours, at the metadata address, too.
    with unlogged(), making:
        return boto3.client(
            "s3",
            region_name=store.region or DEFAULT_REGION,
            endpoint_url=store.endpoint_url,
            config=config,
            aws_access_key_id=keys.id,
            aws_secret_access_key=keys.secret,
            aws_session_token=keys.token,
        )


def _objects(answer: "ListObjectsV2OutputTypeDef") -> list[ForeignObject]:
    return [_object(each) for each in answer.get("Contents", ())]


def _object(told: "ObjectTypeDef") -> ForeignObject:
    key, size, version = told.get("Key", ""), told.get("Size", -1), told.get("ETag", "")
    written = told.get("LastModified", _EPOCH)
    if written.tzinfo is None:
        written = written.replace(tzinfo=UTC)
    bounded = 0 <= size <= LARGEST and 1970 <= written.year < 9999 and 0 < len(version) <= _LONGEST_ETAG
    if not bounded or "LastModified" not in told:
        return ForeignObject(key, 0, "", _EPOCH, is_odd=True)
    return ForeignObject(key, size, version.removeprefix("W/").strip('"'), written)


def _asked(client: "S3Client", wanted: Any, end: float) -> tuple[list[ForeignObject], str | None]:
    """A page, and the token of the next if there is one; or, in our words, what went wrong."""
    with unlogged():
        try:
            answer = client.list_objects_v2(**wanted)
            following = answer.get("NextContinuationToken")
            if answer["IsTruncated"] and not following:  # what it leaves out would be taken for gone
                fault = SourceFault(NO_WAY_ON, "The storage lists a part, and does not say how to go on.")
            else:
                return _objects(answer), following if answer["IsTruncated"] else None
        except ClientError as error:
            fault = _fault(error)
        except (BotoCoreError, ValueError, KeyError):
            fault = nobody_there()
    # Out here: what boto raised may hold the request, and with it the key's id.
    raise late() if time.monotonic() >= end else fault


def _fault(error: ClientError) -> SourceFault:
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code == "NoSuchBucket":
        return SourceFault(NO_BUCKET, "There is no bucket of that name.")
    if code in _ELSEWHERE:
        return SourceFault(UNREACHABLE, "The bucket is in another region.")
    if code in _REFUSALS or status in (401, 403):
        return SourceFault(REFUSED, "The storage will not list the bucket with these credentials.")
    if not _WORD.fullmatch(code):
        return nobody_there()
    return SourceFault(code, f"The storage would not list the bucket ({code}).")
