"""Where the credentials of data sources are kept: encrypted, one parameter each, never in the table.

From before a parameter is written until after it is deleted, the source's row says that there may be one.
So a crash leaves at most a row that says too much, which a test of the source tells and sending the
credentials anew, or deleting the source, mends.
"""

import json

from chalicelib.aws import foreign, secrets
from chalicelib.aws.foreign import Keys
from chalicelib.errors import SourceFault
from chalicelib.sources.rules import AccessKey, Credentials, Role, Source

FOLDER = "/nightjar/sources/"


def keep(source_id: str, credentials: Credentials) -> None:
    """Keeps them in the place of any before. One request. Raises StorageFault."""
    if isinstance(credentials, Role):
        told = {"role_arn": credentials.arn}
    else:
        told = {"access_key": credentials.id, "secret_key": credentials.secret}
    secrets.keep(FOLDER + source_id, json.dumps(told))


def forget(source_id: str) -> None:
    """Deletes them. One request. Raises StorageFault."""
    secrets.forget(FOLDER + source_id)


def keys_of(source: Source) -> Keys | None:
    """What the source's storage is asked with, None if it is asked in nobody's name.

    One request of SSM, and one of STS for a role. Raises SourceFault if they are gone or refused.
    """
    if source.credentials == "none":
        return None
    credentials = _find(source.id)
    if isinstance(credentials, AccessKey):
        return Keys(credentials.id, credentials.secret)
    if source.endpoint_url:  # what a role gives is AWS's affair alone, whatever the row says by now
        raise SourceFault(foreign.REFUSED, "A role opens AWS only; this source has an endpoint of its own.")
    return foreign.assumed(credentials.arn, source.project_id, f"nightjar-{source.id}")


def _find(source_id: str) -> Credentials:
    text = secrets.find(FOLDER + source_id)
    if text is None:
        raise SourceFault(foreign.REFUSED, "The credentials are not there any more: send them again.")
    told = json.loads(text)
    if "role_arn" in told:
        return Role(told["role_arn"])
    return AccessKey(told["access_key"], told["secret_key"])
