"""Ids: opaque to callers, yet an id says by itself where its item lies.

A deployment is `d…`, a project `p…`, a job `j…`, a data source `b…` (a bucket), a capture set `c…`. A capture
`<deployment>-<16 chars>` and a session `<deployment>-s<10 chars>` carry their deployment, so that finding
either is one read.
"""

import base64
import hashlib
import re
import secrets

from chalicelib.errors import NotFound

_SHAPES = {
    "project": re.compile(r"p[a-z2-7]{10}"),
    "deployment": re.compile(r"d[a-z2-7]{10}"),
    "capture": re.compile(r"d[a-z2-7]{10}-[a-z2-7]{16}"),
    "job": re.compile(r"j[a-z2-7]{10}"),
    "source": re.compile(r"b[a-z2-7]{10}"),
    "set": re.compile(r"c[a-z2-7]{10}"),
    "session": re.compile(r"d[a-z2-7]{10}-s[a-z2-7]{10}"),
}


def _base32(data: bytes, length: int) -> str:
    return base64.b32encode(data).decode().lower()[:length]


def new_project_id() -> str:
    """A fresh id of a project."""
    return "p" + _base32(secrets.token_bytes(7), 10)


def new_deployment_id() -> str:
    """A fresh id of a deployment."""
    return "d" + _base32(secrets.token_bytes(7), 10)


def new_job_id() -> str:
    """A fresh id of a job."""
    return "j" + _base32(secrets.token_bytes(7), 10)


def new_source_id() -> str:
    """A fresh id of a data source."""
    return "b" + _base32(secrets.token_bytes(7), 10)


def new_set_id() -> str:
    """A fresh id of a capture set."""
    return "c" + _base32(secrets.token_bytes(7), 10)


def starred_set_id(project_id: str) -> str:
    """The id of the set of a project's starred captures: each project has one."""
    return "c" + _base32(hashlib.sha256(f"starred/{project_id}".encode()).digest(), 10)


def new_session_id(deployment_id: str) -> str:
    """A fresh id of a session of that deployment."""
    return f"{deployment_id}-s" + _base32(secrets.token_bytes(7), 10)


def capture_id(deployment_id: str, bucket: str, key: str) -> str:
    """The id of the capture in that object: the same object always has the same id."""
    digest = hashlib.sha256(f"{bucket}/{key}".encode()).digest()
    return f"{deployment_id}-{_base32(digest, 16)}"


def deployment_of(located_id: str) -> str:
    """The deployment in which a capture or session lies."""
    return located_id.partition("-")[0]


def check(kind: str, value: str) -> str:
    """`value`, if it has the shape of an id of that kind.

    Raises NotFound otherwise: nothing can have such an id, and it must not reach a key.
    """
    if not _SHAPES[kind].fullmatch(value):
        raise NotFound(f"There is no {kind} with the id {value[:80]!r}.")
    return value
