"""The socket that a server of maskloom listens on: this machine's loopback, never another."""

from __future__ import annotations

import errno
import os
import socket

from maskloom.errors import UsageError

HOST = "127.0.0.1"


def listen(port: int) -> socket.socket:
    """A socket that listens on 127.0.0.1.

    Args:
        port: 0 to 65535; 0 takes a free one.

    Raises:
        UsageError: the port is in use, or may not be used.
    """
    # The protocol is named so that asyncio knows TCP and sends small answers at once; with
    # `socket.create_server` every one of them waits 40 ms for an acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            # A port is free again as soon as its server has ended.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen()
    except OSError as error:
        listener.close()
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        raise UsageError(
            "the port is in use" if error.errno == errno.EADDRINUSE else "no right to this port",
            where="--port",
            seen=port,
            hint="choose another, or 0 for a free one",
        ) from error
    return listener
