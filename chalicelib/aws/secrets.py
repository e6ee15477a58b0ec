"""SSM's Parameter Store, for what must not lie in the table. Nothing of it gets into a log or an error."""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.aws.objects import making
from chalicelib.aws.unlogged import unlogged
from chalicelib.errors import StorageFault

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

V = TypeVar("V")


@cache
def _client() -> "SSMClient":
    config = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 4})
    with making:
        return boto3.client("ssm", config=config)


def keep(name: str, value: str) -> None:
    """Keeps a secret of at most 4 KB, encrypted, in the place of one of that name. One request.

    Raises StorageFault if it could not be kept, or nobody knows whether it was.
    """
    _asked(lambda: _client().put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True))


def find(name: str) -> str | None:
    """The secret of that name, None if there is none. One request. Raises StorageFault."""
    answer = _asked(lambda: _client().get_parameter(Name=name, WithDecryption=True))
    return answer["Parameter"]["Value"] if answer else None


def forget(name: str) -> None:
    """Deletes a secret; one that is not there is deleted. One request. Raises StorageFault."""
    _asked(lambda: _client().delete_parameter(Name=name))


def _asked(request: Callable[[], V]) -> V | None:
    """What SSM answers, None if there is no such parameter."""
    with unlogged():
        try:
            return request()
        except (ClientError, BotoCoreError) as error:
            code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
    if code == "ParameterNotFound":
        return None
    # Out here, so that the error holds neither the request nor what SSM said: either may quote the secret.
    raise StorageFault(f"The store of secrets did not do as it was asked ({code[:80]}).")
