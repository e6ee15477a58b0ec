"""moto's server, quiet, with two things mended that Nightjar leans on. Run as a script: the port follows."""

import logging
import resource
import sys

from moto.core.utils import unix_time
from moto.dynamodb.models.table import LocalSecondaryIndex
from moto.server import main
from moto.sqs.models import SQSBackend

MOST_OPEN_FILES = 65536


def _whole_item(_index: LocalSecondaryIndex, item: object) -> object:
    """DynamoDB fetches from the table what a local index does not carry; moto leaves it out of the answer.
    The request's own projection still applies."""
    return item


def _still_kept(backend: SQSBackend, queue_name: str, message: object) -> bool:
    """moto works out every attribute of the queue to learn one, for each message it hands out: with a
    night's photographs waiting, handing out ten takes it a second."""
    period = backend.get_queue(queue_name).message_retention_period
    return bool(period + message.sent_timestamp / 1000 > unix_time())  # type: ignore[attr-defined]


def _allow_open_files() -> None:
    """Every photograph beyond a megabyte is an open temporary file."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_OPEN_FILES if most == resource.RLIM_INFINITY else min(most, MOST_OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


if __name__ == "__main__":
    LocalSecondaryIndex.project = _whole_item
    SQSBackend.is_message_valid_based_on_retention_period = _still_kept
    _allow_open_files()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    main(["-H", "127.0.0.1", "-p", sys.argv[1]])
