"""`maskloom serve`: the REST face on this machine's loopback address."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import click

from maskloom.errors import UsageError
from maskloom.faces.loopback import HOST, listen, serve_until_stopped


@click.command(name="serve", short_help="offer the verbs over REST on this machine")
@click.option(
    "--root",
    default=".",
    show_default=True,
    metavar="DIR",
    help="Folder that every path of every request must lie under.",
)
@click.option(
    "--port",
    default=8470,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port on 127.0.0.1; 0 takes a free one.",
)
def serve_command(root: str, port: int) -> int:
    """Offer the verbs over REST on this machine.

    Prints the address and a token that is valid until the server stops. Nothing is reachable
    from other machines.
    """
    return serve(Path(root), port)


def serve(root: Path, port: int) -> int:
    """Serve until interrupted.

    Args:
        root: folder that every path must lie under; it becomes the working directory.
        port: 0 to 65535; 0 takes a free one.

    Raises:
        UsageError: the root is no folder, or the port is in use.
    """
    from maskloom.faces.rest import PREFIX, create_app

    if not root.is_dir():
        raise UsageError("not a folder", where="--root", seen=str(root), hint="name a folder")
    root = root.resolve()
    token = secrets.token_urlsafe(32)
    app = create_app(root, token)
    with listen(port) as listener:
        os.chdir(root)
        actual = listener.getsockname()[1]
        click.echo(f"folder   {root}")
        click.echo(f"address  http://{HOST}:{actual}{PREFIX}/verbs")
        click.echo(f"token    {token}")
        click.echo("Send it as `Authorization: Bearer TOKEN`. Stop with Ctrl-C.")
        serve_until_stopped(app, listener)
    return 0
