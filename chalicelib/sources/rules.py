"""What a data source is: a bucket that is not ours, from which photographs may be taken. Pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Literal
from urllib.parse import quote, urlsplit

Kind = Literal["none", "access_key", "role"]
"""How a source is opened: by nobody in particular, with an access key, or by taking on a role."""

IMAGES = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff")
LONGEST_KEY = 1024
"""Bytes of a key, of S3 as of the table. Other storages may have longer ones."""

LONGEST_PATH = 255
LONGEST_PATTERN = 255

_BUCKET = re.compile(r"[a-z0-9](?:[a-z0-9.-]{1,61})[a-z0-9]", re.ASCII)
_NOT_PLAIN = ("--x-s3", "--table-s3", "--ol-s3")  # kinds of buckets that are opened otherwise
_REGION = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?", re.ASCII)
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_ROLE = re.compile(r"arn:aws[a-z-]{0,20}:iam::[0-9]{12}:role/[\w+=,.@/-]{1,512}", re.ASCII)
_KEY_ID = re.compile(r"[\w.+/=@-]{3,128}", re.ASCII)
_SECRET = re.compile(r"[!-~]{8,256}", re.ASCII)
_LONG_ENOUGH_TO_HINT = 12


@dataclass(frozen=True, slots=True)
class AccessKey:
    """An access key: its id, and the secret half. Neither is ever shown."""

    id: str = field(repr=False)
    secret: str = field(repr=False)

    kind: Kind = field(default="access_key", init=False)

    @property
    def hint(self) -> str | None:
        """Its id's last four signs, by which people tell keys apart; None if that were most of it."""
        return self.id[-4:] if len(self.id) >= _LONG_ENOUGH_TO_HINT else None


@dataclass(frozen=True, slots=True)
class Role:
    """A role in somebody's AWS account, by its ARN, which is never shown."""

    arn: str = field(repr=False)

    kind: Kind = field(default="role", init=False)
    hint: None = field(default=None, init=False)


Credentials = AccessKey | Role


@dataclass(frozen=True, slots=True)
class Source:
    """A bucket, or a folder of one, that belongs to others.

    `endpoint_url` is None for AWS. `credentials` says which there are, and `hint` their last four signs;
    they themselves are kept elsewhere. `deployments_count` is how many deployments use it; one that is
    `leaving` is about to be deleted and can be neither used nor changed.
    """

    id: str
    project_id: str
    name: str
    bucket: str
    created_at: datetime
    updated_at: datetime
    prefix: str = ""
    region: str | None = None
    endpoint_url: str | None = None
    public_base_url: str | None = None
    credentials: Kind = "none"
    hint: str | None = None
    deployments_count: int = 0
    leaving: bool = False


class Skipped(StrEnum):
    """Why an object is no photograph to take."""

    NO_NAME = "no_name"
    TOO_LONG = "too_long"
    FOLDER = "folder"
    NO_IMAGE = "no_image"
    EMPTY = "empty"
    ODD = "odd"
    NO_MATCH = "no_match"


def why_skipped(key: str, size: int, matches: Callable[[str], bool] | None) -> Skipped | None:
    """Why an object is left out, None if it is not. `matches` is asked last, and of the whole key."""
    if not key:
        return Skipped.NO_NAME
    if len(key.encode(errors="replace")) > LONGEST_KEY:
        return Skipped.TOO_LONG
    if key.endswith("/"):
        return Skipped.FOLDER
    if not key.lower().endswith(IMAGES):
        return Skipped.NO_IMAGE
    if size <= 0:
        return Skipped.EMPTY
    if matches is not None and not matches(key):
        return Skipped.NO_MATCH
    return None


def place(prefix: str, subdir: str | None) -> str:
    """The beginning of the keys of a folder of a source: ends with "/", "" for the whole bucket."""
    parts = [part for part in (prefix.strip("/"), (subdir or "").strip("/")) if part]
    return "".join(f"{part}/" for part in parts)


def path(value: str) -> str:
    """A prefix or subdir without slashes around it. Raises ValueError if it is none."""
    if len(value) > LONGEST_PATH:
        raise ValueError(f"at most {LONGEST_PATH} characters")
    if any(ord(sign) < 32 or ord(sign) == 127 or "\ud800" <= sign <= "\udfff" for sign in value):
        raise ValueError("it holds signs that no key may hold")
    if ".." in value.split("/"):
        raise ValueError("it may not lead upwards")
    return value.strip("/")


def bucket(value: str) -> str:
    """The name of a bucket. Raises ValueError if it is none, or an ARN, or of a special kind."""
    if not _BUCKET.fullmatch(value) or ".." in value or _is_ipv4(value):
        raise ValueError("3 to 63 small letters, digits, dots and hyphens, as S3 names buckets")
    if value.endswith(_NOT_PLAIN):
        raise ValueError("no plain bucket of S3")
    return value


def region(value: str) -> str:
    """The name of a region. Raises ValueError if it is none."""
    if not _REGION.fullmatch(value):
        raise ValueError('a region like "eu-central-1"')
    return value


def endpoint(value: str) -> str:
    """Where a storage is reached: `scheme://host[:port]`, from that or from `host:port`, for which https
    is taken. Raises ValueError for anything else; whether it may be contacted is another question."""
    scheme, host, port = _parts(value if "://" in value else f"https://{value}", "endpoint")
    if "://" not in value and port is None:
        raise ValueError('a URL like "https://s3.example.org", or "host:port"')
    return f"{scheme}://{host}" + (f":{port}" if port is not None else "")


def public_base_url(value: str) -> str:
    """Where photographs are served from to everybody, without a slash at the end. Raises ValueError.
    Nothing here ever asks it for anything."""
    parts = urlsplit(_plain(value))
    if parts.query or parts.fragment or "?" in value or "#" in value:
        raise ValueError("a URL without a query")
    scheme, host, port = _parts(f"{parts.scheme}://{parts.netloc}", "URL")
    shown = f"{scheme}://{host}" + (f":{port}" if port is not None else "")
    return shown + quote(parts.path.rstrip("/"), safe="/%~!$&'()*+,;=:@")


def host_of(endpoint_url: str) -> tuple[str, int]:
    """The host, without brackets, and the port of what `endpoint` gave."""
    parts = urlsplit(endpoint_url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _plain(value: str) -> str:
    # urlsplit quietly drops tabs and line breaks, and takes a backslash as it comes: refused before.
    if not value.isascii() or len(value) > 500 or any(sign <= " " or sign in "\\\x7f" for sign in value):
        raise ValueError("a URL of at most 500 plain signs")
    return value


def _parts(value: str, what: str) -> tuple[str, str, int | None]:
    parts = urlsplit(_plain(value))
    if parts.scheme not in ("http", "https"):
        raise ValueError("http or https")
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"no name or password in the {what}")
    if parts.path.strip("/") or parts.query or parts.fragment or value.endswith(("?", "#", ":")):
        raise ValueError(f"the {what} may only have a host and a port")
    if parts.port == 0:
        raise ValueError("a port from 1 to 65535")
    return parts.scheme, _host(parts.hostname or ""), parts.port


def _host(host: str) -> str:
    if ":" in host:
        return f"[{IPv6Address(host)}]" if "%" not in host else _no_host()
    labels = host.rstrip(".").split(".")
    # "127.1", "0x7f.1" and "2130706433" are addresses to some resolvers: only the plain form is taken.
    if _NUMBER.fullmatch(labels[-1]):
        return str(IPv4Address(host))
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        _no_host()
    return host


def _no_host() -> str:
    raise ValueError("no name of a host")


def _is_ipv4(value: str) -> bool:
    return bool(re.fullmatch(r"\d{1,3}(\.\d{1,3}){3}", value, re.ASCII))


def credentials(role_arn: str | None, access_key: str | None, secret_key: str | None) -> Credentials | None:
    """The credentials among what was sent, None if there are none. Raises ValueError if they do not fit;
    what it says holds nothing of them."""
    if role_arn is not None:
        if access_key is not None or secret_key is not None:
            raise ValueError("either a role or an access key")
        if not _ROLE.fullmatch(role_arn):
            raise ValueError("role_arn is to be like arn:aws:iam::123456789012:role/name")
        return Role(role_arn)
    if access_key is None and secret_key is None:
        return None
    if access_key is None or secret_key is None:
        raise ValueError("access_key and secret_key come together")
    if not _KEY_ID.fullmatch(access_key) or not _SECRET.fullmatch(secret_key):
        raise ValueError("an access_key of 3 to 128 and a secret_key of 8 to 256 plain signs")
    return AccessKey(access_key, secret_key)


def uri(bucket_name: str, key: str) -> str:
    """How people write where an object or a folder lies."""
    return f"s3://{bucket_name}/{key}"


def public_url(base: str, key: str) -> str:
    """Where everybody finds an object."""
    return f"{base}/{quote(key, safe='/~')}"
