"""How a server of maskloom listens and stops: on this machine's loopback, never another.

`listen` gives the socket, `serve_until_stopped` runs an application on it. What is served is
`rest.py` and `labelling.py`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import queue
import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from maskloom.errors import UsageError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

HOST = "127.0.0.1"
_CLOSE_S = 2
# As anyio calls the threads in which blocking work of requests is done.
_WORKER = "AnyIO worker thread"


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


def serve_until_stopped(app: ASGIApp, listener: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM; requests that have begun get two seconds to end.

    Args:
        app: the application.
        listener: from `listen`.
    """
    import uvicorn

    config = uvicorn.Config(
        Closing(app, lambda: server.should_exit),
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_CLOSE_S,
    )
    server = uvicorn.Server(config)
    try:
        server.run(sockets=[listener])
    finally:
        release_threads()


def release_threads() -> None:
    """Let worker threads that no event loop will stop any more end with their present work.

    A request that comes in the last turns of a loop can leave one behind. Python waits for all
    threads before it exits, so a single one that waits for work would keep the process for ever.
    """
    for thread in threading.enumerate():
        stop = getattr(thread, "stop", None)
        if thread.name == _WORKER and callable(stop):
            # A full queue has the order to stop in it already.
            with contextlib.suppress(queue.Full):
                stop()


class Closing:
    """An application that takes no new requests once its server is to stop.

    A page that connects while the server closes is not told to go and would go on asking, until
    the time for closing is over and in a loop that is being torn down.

    Args:
        app: what answers until then.
        stopping: whether the server is to stop.
    """

    def __init__(self, app: ASGIApp, stopping: Callable[[], bool]) -> None:
        self._app = app
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or not self._stopping():
            await self._app(scope, receive, send)
            return
        from maskloom.faces.problems import answer

        detail = "the server is stopping; nothing was saved, try again when it is back"
        body = {"type": "about:blank", "title": "Stopping", "status": 503, "detail": detail}
        await answer(body, {"Connection": "close"})(scope, receive, send)
