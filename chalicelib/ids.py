"""Ids: opaque to callers, yet an id says by itself where its item lies.

A deployment is `d…`, a project `p…`, a job `j…`, a data source `b…` (a bucket), a capture set `c…`. A capture
`<deployment>-<16 chars>` and a session `<deployment>-s<10 chars>` carry their deployment, so that finding
either is one read. A detection, and the occurrence it is, `<capture>-<16 chars>` carries its capture, a
classification `<detection>-k<16 chars>` and an identification `<detection>-i<10 chars>` their detection. A
taxon is `t…`, always the same for a name; a list of taxa `l…`.
"""

import base64
import hashlib
import re
import secrets
import unicodedata

from chalicelib.errors import NotFound

_SHAPES = {
    "project": re.compile(r"p[a-z2-7]{10}"),
    "deployment": re.compile(r"d[a-z2-7]{10}"),
    "capture": re.compile(r"d[a-z2-7]{10}-[a-z2-7]{16}"),
    "job": re.compile(r"j[a-z2-7]{10}"),
    "source": re.compile(r"b[a-z2-7]{10}"),
    "set": re.compile(r"c[a-z2-7]{10}"),
    "session": re.compile(r"d[a-z2-7]{10}-s[a-z2-7]{10}"),
    "detection": re.compile(r"d[a-z2-7]{10}-[a-z2-7]{16}-[a-z2-7]{16}"),
    "occurrence": re.compile(r"d[a-z2-7]{10}-[a-z2-7]{16}-[a-z2-7]{16}"),
    "classification": re.compile(r"d[a-z2-7]{10}-[a-z2-7]{16}-[a-z2-7]{16}-k[a-z2-7]{16}"),
    "identification": re.compile(r"d[a-z2-7]{10}-[a-z2-7]{16}-[a-z2-7]{16}-i[a-z2-7]{10}"),
    "taxon": re.compile(r"t[a-z2-7]{16}"),
    "taxa list": re.compile(r"l[a-z2-7]{10}"),
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


def new_taxa_list_id() -> str:
    """A fresh id of a list of taxa."""
    return "l" + _base32(secrets.token_bytes(7), 10)


def taxon_id(name: str) -> str:
    """The id of the taxon of that name, whatever its case and the spaces around it: names are unique."""
    plain = " ".join(unicodedata.normalize("NFC", name).casefold().split())
    return "t" + _base32(hashlib.sha256(f"taxon/{plain}".encode()).digest(), 16)


def detection_id(capture_id: str, *identity: str) -> str:
    """The id of a detection on a capture: the same algorithm's same box always has the same id."""
    return f"{capture_id}-{_base32(hashlib.sha256(chr(31).join(identity).encode()).digest(), 16)}"


def classification_id(detection_id: str, *identity: str) -> str:
    """The id of a classification of a detection: that of the same algorithm always has the same id."""
    return f"{detection_id}-k{_base32(hashlib.sha256(chr(31).join(identity).encode()).digest(), 16)}"


def new_identification_id(occurrence_id: str) -> str:
    """A fresh id of an identification of an occurrence."""
    return f"{occurrence_id}-i" + _base32(secrets.token_bytes(7), 10)


def capture_of(located_id: str) -> str:
    """The capture on which a detection, an occurrence, a classification or an identification lies."""
    return "-".join(located_id.split("-")[:2])


def detection_of(located_id: str) -> str:
    """The detection, or occurrence, to which a classification or an identification belongs."""
    return "-".join(located_id.split("-")[:3])


def deployment_of(located_id: str) -> str:
    """The deployment in which a capture or session lies."""
    return located_id.partition("-")[0]


def is_one(kind: str, value: str) -> bool:
    """Whether `value` has the shape of an id of that kind."""
    return _SHAPES[kind].fullmatch(value) is not None


def check(kind: str, value: str) -> str:
    """`value`, if it has the shape of an id of that kind.

    Raises NotFound otherwise: nothing can have such an id, and it must not reach a key.
    """
    if not is_one(kind, value):
        raise NotFound(f"There is no {kind} with the id {value[:80]!r}.")
    return value
