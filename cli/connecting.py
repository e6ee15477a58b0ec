"""What every command that talks to a server shares: its options, the client, and one clear sentence when it
cannot begin."""

from collections.abc import Callable

import click

from cli.client import CallError, Client


class CannotBegin(click.ClickException):
    """Nothing was done; the message says what to change."""

    exit_code = 2


def connected(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the options `server` and `token`, which the environment may set for all."""
    server = click.option(
        "--server",
        envvar="NIGHTJAR_URL",
        default="http://127.0.0.1:8000",
        show_default=True,
        show_envvar=True,
        help="Address of the server.",
    )
    token = click.option(
        "--token", envvar="NIGHTJAR_TOKEN", default="", show_envvar=True, help="Your access token."
    )
    return server(token(command))


def client_of(server: str, token: str) -> Client:
    """The client for what was given as `server` and `token`. Raises CannotBegin."""
    server, token = server.strip(), token.strip()
    if not server.startswith(("http://", "https://")):
        raise CannotBegin(f"The server's address {server!r} must begin with http:// or https://.")
    if not token:
        raise CannotBegin("No token: give --token, or set NIGHTJAR_TOKEN, to one the server knows.")
    if not (token.isascii() and token.isprintable()):
        raise CannotBegin("The token has characters no token has: copy it again.")
    return Client(server, token)


def cannot_begin(client: Client, error: CallError) -> CannotBegin:
    """What is wrong when the first call to a server does not succeed."""
    if error.status is None:
        return CannotBegin(f"{client.server} is not reachable ({error}): check --server.")
    if error.status in (401, 403):
        return CannotBegin(f"{client.server} does not accept this token: {error}")
    return CannotBegin(f"{client.server}: {error}")
