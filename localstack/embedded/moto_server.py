"""moto's server, quiet, with four things mended that Nightjar leans on, and keeping objects if asked to.

python -m localstack.embedded.moto_server PORT [FOLDER]
"""

import logging
import resource
import sys
import threading
from pathlib import Path

from moto.core.utils import unix_time
from moto.dynamodb.models.table import LocalSecondaryIndex
from moto.moto_server.utilities import RegexConverter
from moto.server import main
from moto.sqs.models import Queue, SQSBackend

from localstack.embedded.keeping import keep_objects

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


def _send_without_counting() -> None:
    """moto counts all that waits in a queue, thrice, for each message it sends there: with a night's
    photographs waiting, a send takes it 60 ms, and so does every upload that notifies."""
    sending = threading.local()
    send = SQSBackend.send_message

    def send_message(*args: object, **named: object) -> object:
        sending.now = True
        try:
            return send(*args, **named)
        finally:
            sending.now = False

    def counted(count: property) -> property:
        return property(lambda queue: 0 if getattr(sending, "now", False) else count.fget(queue))  # type: ignore[misc]

    for kind in ("", "_not_visible", "_delayed"):
        name = f"approximate_number_of_messages{kind}"
        setattr(Queue, name, counted(vars(Queue)[name]))
    SQSBackend.send_message = send_message


def _find_keys_of_several_lines() -> None:
    """S3 keeps a key whatever is in it; moto finds no way to one with a line feed, which its "." leaves out:
    it can be sent there by a form, and then neither read nor deleted."""
    make = RegexConverter.__init__

    def across_lines(converter: object, url_map: object, *patterns: str) -> None:
        make(converter, url_map, *[f"(?s:{pattern})" for pattern in patterns])

    RegexConverter.__init__ = across_lines


def _allow_open_files() -> None:
    """Every photograph beyond a megabyte is an open temporary file."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_OPEN_FILES if most == resource.RLIM_INFINITY else min(most, MOST_OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


if __name__ == "__main__":
    LocalSecondaryIndex.project = _whole_item
    SQSBackend.is_message_valid_based_on_retention_period = _still_kept
    _send_without_counting()
    _find_keys_of_several_lines()
    _allow_open_files()
    if len(sys.argv) > 2:
        keep_objects(Path(sys.argv[2]))
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    main(["-H", "127.0.0.1", "-p", sys.argv[1]])
