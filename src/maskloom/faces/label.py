"""`maskloom label`: the page in which labels are made and mended, on this machine's loopback.

Finds and opens the project, sees to it that no other server has it, prints and opens an address
that works once, and serves until it is stopped. The application is `faces/labelling.py`.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import platform
import threading
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from maskloom.errors import UsageError
from maskloom.faces.loopback import HOST, listen, serve_until_stopped
from maskloom.faces.tables import printable
from maskloom.labelling import PORT

if TYPE_CHECKING:
    import socket

    from maskloom.store.project.project import Project

_MOST_FOLDERS = 2000


@click.command(name="label", short_help="open the page in which labels are made and mended")
@click.argument("path", default=".", metavar="[PATH]")
@click.option(
    "--port",
    default=PORT,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port on 127.0.0.1; 0 takes a free one.",
)
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@click.option(
    "--user", default="", metavar="NAME", help="Name for your changes; by default your login."
)
def label_command(path: str, port: int, no_browser: bool, user: str) -> int:  # noqa: FBT001
    """Open the page in which labels are made and mended.

    PATH is a project, or a folder with one project in it. The page opens at the first thing to
    fix: the worst open item of the newest review, else the first image that is not done. Every
    change is saved at once. Nothing is reachable from other machines. Stop with Ctrl-C.
    """
    return label(Path(path), port=port, browser=not no_browser, user=user)


def label(path: Path, *, port: int = PORT, browser: bool = True, user: str = "") -> int:
    """Serve a project's page until interrupted.

    Args:
        path: a project, or a folder with one in it.
        port: 0 to 65535; 0 takes a free one.
        browser: open one.
        user: name for the changes; empty takes the login.

    Raises:
        UsageError: no project there, the port is in use, or the project is served already.
        DataError: the project is damaged.
    """
    from maskloom.faces.labelling.app import create_label_app
    from maskloom.labelling.desk import Desk
    from maskloom.labelling.places import link
    from maskloom.labelling.sessions import author_name
    from maskloom.labelling.warmup import warm_up

    author = author_name(user or _login())
    root = find_project(path).resolve()
    with _opened(root, port) as (project, listener):
        actual = listener.getsockname()[1]
        desk = Desk(project)
        app = create_label_app(desk, port=actual)
        url = link(f"http://{HOST}:{actual}", desk.sessions.invite(author))
        os.chdir(root.parent)
        threading.Thread(target=warm_up, daemon=True).start()
        _greet(project, author, url)
        if browser and _has_screen():
            # Some browsers keep the call waiting until they are closed.
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
        with contextlib.suppress(KeyboardInterrupt):
            serve_until_stopped(app, listener)
    click.echo("stopped")
    return 0


def find_project(path: Path) -> Path:
    """The project at a path, or the only one up to two folders below it.

    Raises:
        UsageError: there is none, or there are several.
    """
    from maskloom.store.project import is_project

    if is_project(path):
        return path
    if not path.is_dir():
        raise UsageError("no such folder", where=path, hint="name the folder of a project")
    found = [folder for folder in _folders(path) if is_project(folder)]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(sorted(str(one.relative_to(path)) for one in found)[:10])
        raise UsageError("several projects here", where=path, seen=names, hint="name one of them")
    raise UsageError(
        "no project here",
        where=path,
        hint="make one of your images and labels with `maskloom import DATA PROJECT`, "
        "then `maskloom label PROJECT`",
    )


def _folders(path: Path) -> Iterator[Path]:
    """Folders one and two levels down, a bounded number."""
    left = _MOST_FOLDERS
    level = [path]
    for _ in range(2):
        below: list[Path] = []
        for folder in level:
            with contextlib.suppress(OSError), os.scandir(folder) as entries:
                for entry in entries:
                    if left and not entry.name.startswith(".") and entry.is_dir():
                        left -= 1
                        below.append(Path(entry.path))
        yield from below
        level = below


@contextlib.contextmanager
def _opened(root: Path, port: int) -> Iterator[tuple[Project, socket.socket]]:
    """The project, served by nobody else, and the port."""
    from maskloom.store.project import Project
    from maskloom.store.project.lock import server_lock

    readonly = not _can_write(root)
    with contextlib.ExitStack() as stack:
        # On a disk that cannot be written there is no lock to take, and nothing to protect.
        lock = None if readonly else stack.enter_context(server_lock(root, port))
        listener = stack.enter_context(listen(port))
        if lock is not None:
            lock.serve_at(listener.getsockname()[1])
        yield stack.enter_context(Project.open(root, readonly=readonly)), listener


def _can_write(root: Path) -> bool:
    database = root / "labels.sqlite"
    return os.access(root, os.W_OK) and (not database.exists() or os.access(database, os.W_OK))


def _greet(project: Project, author: str, url: str) -> None:
    click.echo(f"project  {printable(str(project.root))}")
    if project.readonly:
        click.echo("         read-only: everything can be looked at, nothing can be changed")
    click.echo(f"user     {printable(author)}")
    click.echo(f"address  {url}")
    click.echo("The address lets one browser in, once, within 12 hours. Stop with Ctrl-C.")


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "me"


def _has_screen() -> bool:
    """Whether a browser would open in a window; one in this terminal would take it over."""
    if platform.system() == "Linux":
        return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return True
