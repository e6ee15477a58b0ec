"""Saving reports: what may stand in a cell; and a job's, in its place only when all of it is fetched."""

import secrets
import time
from pathlib import Path

import click
import requests

from cli.client import CallError, Client, path_segment
from cli.connecting import CannotBegin
from cli.reasons import CONNECT_SECONDS, READ_SECONDS, network_reason, storage_reason
from cli.wording import shown

PAUSES = (1.0, 4.0)
"""Seconds between the attempts to fetch a report."""

_PIECE = 1 << 16
_FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")


def cell(value: object) -> str:
    """A value as a cell of a table: text that no spreadsheet takes for a formula, as a name may begin like
    one."""
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def target_of(path: Path) -> Path:
    """Where a report for `path` is to lie, behind any links. Raises CannotBegin if it cannot be written."""
    try:
        target = path.resolve()
        if target.exists() and not target.is_file():
            # What is renamed takes a name's place: a device or a pipe would be no more.
            raise CannotBegin(f"The report {shown(str(path))} cannot be written: it is there, and no file.")
        part = _beside(target)
        part.touch(exist_ok=False)
        part.unlink()
    except (OSError, RuntimeError) as error:  # of a circle of links older Pythons make a RuntimeError
        why = getattr(error, "strerror", None) or error
        raise CannotBegin(f"The report {shown(str(path))} cannot be written: {why}.") from error
    return target


def save(client: Client, job_id: str, target: Path) -> None:
    """Writes a job's report to `target`, of which there is all or nothing. Raises ClickException."""
    path = f"jobs/{path_segment(job_id)}/report"
    try:
        url = str(client.get(path)["url"])
        for pause in PAUSES:
            try:
                return _fetch(url, target)
            except CallError as error:
                if error.status is not None and error.status < 500:
                    raise
                time.sleep(pause)
        _fetch(url, target)
    except (CallError, KeyError) as error:
        why = f"the answer lacks {error}" if isinstance(error, KeyError) else shown(str(error)).rstrip(".")
        told = f"The report could not be had: {why}. GET {client.server}/api/v2/{path} tells where it is."
        raise click.ClickException(told) from error
    except OSError as error:
        told = f"The report {shown(str(target))} could not be written: {error.strerror or error}."
        raise click.ClickException(told) from error


def _fetch(url: str, target: Path) -> None:
    """Writes what is at `url`, uncompressed, to `target`. Raises CallError, OSError."""
    part = _beside(target)
    try:
        with _opened(url) as answer, part.open("xb") as file:
            if answer.status_code != 200:
                raise CallError(storage_reason(answer), answer.status_code)
            for piece in answer.iter_content(_PIECE):
                file.write(piece)
        part.replace(target)
    except requests.RequestException as error:  # an OSError, too, but none of this machine
        raise CallError(network_reason(error)) from error
    finally:
        part.unlink(missing_ok=True)


def _opened(url: str) -> requests.Response:
    """The beginning of an answer. No token is sent, nor a password out of ~/.netrc: the URL carries its own
    permission, and the storage is another host."""
    timeout = (CONNECT_SECONDS, READ_SECONDS)
    return requests.get(url, auth=lambda each: each, stream=True, timeout=timeout, allow_redirects=False)


def _beside(target: Path) -> Path:
    return target.with_name(f".nightjar-{secrets.token_hex(6)}.part")
