from __future__ import annotations

import asyncio
import threading

import anyio.to_thread
import pytest

from maskloom.errors import UsageError
from maskloom.faces.loopback import Closing, listen, release_threads


def workers():
    return [one for one in threading.enumerate() if one.name == "AnyIO worker thread"]


def leak_a_worker(work):
    """Close a loop under a request that is in a thread, as the end of a server can."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(anyio.to_thread.run_sync(work))
    loop.call_later(0.2, loop.stop)
    loop.run_forever()
    loop.close()
    return task


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_thread_that_no_loop_stops_is_let_go_and_finishes_its_work_first():
    before, go_on, done = set(workers()), threading.Event(), threading.Event()

    def work():
        go_on.wait(60)
        done.set()

    task = leak_a_worker(work)
    (left,) = set(workers()) - before
    go_on.set()
    assert done.wait(60)
    left.join(1)
    assert left.is_alive(), "nothing was left behind, so this shows nothing"
    release_threads()
    left.join(60)
    assert not left.is_alive()
    release_threads()
    task._log_destroy_pending = False


def test_work_in_progress_is_not_cut_off():
    go_on, done = threading.Event(), threading.Event()

    def work():
        go_on.wait(60)
        done.set()

    before = set(workers())
    task = leak_a_worker(work)
    (left,) = set(workers()) - before
    release_threads()
    release_threads()
    release_threads()
    assert left.is_alive()
    go_on.set()
    left.join(60)
    assert done.is_set()
    assert not left.is_alive()
    task._log_destroy_pending = False


def call(app, kind="http"):
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.request"}

    asyncio.run(app({"type": kind, "method": "GET", "path": "/"}, receive, send))
    return sent


def test_no_request_reaches_the_application_once_the_server_stops():
    reached = []

    async def inner(scope, receive, send):
        reached.append(scope["type"])

    stopping = False
    app = Closing(inner, lambda: stopping)
    call(app)
    assert reached == ["http"]
    stopping = True
    start, body = call(app)
    assert reached == ["http"]
    assert start["status"] == 503
    headers = dict(start["headers"])
    assert headers[b"connection"] == b"close"
    assert headers[b"content-type"] == b"application/problem+json"
    assert b"nothing was saved" in body["body"]
    call(app, kind="lifespan")
    assert reached == ["http", "lifespan"]


def test_a_port_that_is_taken_is_said_and_one_that_was_left_is_free():
    with listen(0) as listener:
        port = listener.getsockname()[1]
        assert listener.getsockname()[0] == "127.0.0.1"
        with pytest.raises(UsageError, match=f"port is in use.*{port}"):
            listen(port)
    with listen(port) as again:
        assert again.getsockname()[1] == port
