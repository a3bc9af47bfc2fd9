"""Projects in either database: SQLite in the folder, and a real PostgreSQL server."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.store.project import Project, database, samples

USER = "postgres"


def find_program(name: str) -> str:
    """A program of PostgreSQL, which Debian keeps off the path."""
    if found := shutil.which(name):
        return found
    homes = Path("/usr/lib/postgresql").glob(f"*/bin/{name}")
    return str(max(homes, key=lambda path: int(path.parts[-3])))


class Server:
    """A PostgreSQL server of our own in a temporary folder, on a free loopback port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        # The server refuses to run as root.
        self.drop = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups", "--"]
        if os.geteuid() != 0:
            self.drop = []
        else:
            owner = pwd.getpwnam(USER)
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        self.run("initdb", "-D", str(self.data), "-U", USER, "-A", "trust", "-N", "-E", "UTF8",
                 "--locale=C.UTF-8")  # fmt: skip
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        settings = {"listen_addresses": "127.0.0.1", "port": self.port, "fsync": "off",
                    "unix_socket_directories": str(folder), "max_connections": 200,
                    "full_page_writes": "off", "shared_buffers": "32MB"}  # fmt: skip
        options = [part for k, v in settings.items() for part in ("-c", f"{k}={v}")]
        self.log = (folder / "log").open("wb")
        self.process = subprocess.Popen(
            [*self.drop, find_program("postgres"), "-D", str(self.data), *options],
            stdout=self.log, stderr=subprocess.STDOUT, cwd=folder,
        )  # fmt: skip
        self.wait()

    def run(self, program: str, *arguments: str) -> None:
        command = [*self.drop, find_program(program), *arguments]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def wait(self) -> None:
        until = time.monotonic() + 60
        ready = [find_program("pg_isready"), "-h", "127.0.0.1", "-p", str(self.port), "-q"]
        while subprocess.run(ready, check=False).returncode:
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < until
            time.sleep(0.05)

    @property
    def url(self) -> str:
        return f"postgresql://{USER}@127.0.0.1:{self.port}/postgres"

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a server: MASKLOOM_TEST_POSTGRES, or one that is started here."""
    if given := os.environ.get("MASKLOOM_TEST_POSTGRES"):
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="maskloom-pg-") as folder:
        server = Server(Path(folder))
        try:
            yield server.url
        finally:
            server.stop()


def on_server(url: str, statement: str) -> None:
    """Run one statement outside a transaction."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """URL of an empty database of this test alone."""
    name = f"maskloom_{uuid.uuid4().hex}"
    on_server(postgres_server, f"CREATE DATABASE {name} TEMPLATE template0")
    yield f"{postgres_server.rpartition('/')[0]}/{name}"
    on_server(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def project_url(request: pytest.FixtureRequest) -> str:
    """What `Project.create` takes as `database`: each test runs on both."""
    if request.param == "sqlite":
        return ""
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def taxonomy() -> Taxonomy:
    return Taxonomy.from_names(["Car", "Dog", "Tree"])


@pytest.fixture
def project(tmp_path: Path, project_url: str, taxonomy: Taxonomy) -> Iterator[Project]:
    """A project of three images of 300 × 400 pixels, ids 1 to 3, without labels."""
    with Project.create(
        tmp_path / "project", name="cells", taxonomy=taxonomy, database=project_url
    ) as made:
        add_samples(made, 3)
        yield made


@pytest.fixture(name="add_samples")
def _add_samples() -> Callable[..., samples.Placed]:
    return add_samples


@pytest.fixture
def noise() -> np.random.Generator:
    return np.random.default_rng(0)


def add_samples(project: Project, n: int, *, first: int = 0) -> samples.Placed:
    """n images of 300 × 400 pixels that lie beside the project; none of the files is there."""
    images = project.root.parent / "images"
    given = [
        Sample(f"{i:06d}", ImageRef(images / f"{i:06d}.png", (300, 400)), file_name=f"{i:06d}.png")
        for i in range(first, first + n)
    ]
    with database.write(project) as connection:
        return samples.add(connection, project.layout, given)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB."""
    yield from mounted(tmp_path / "disk", "1m")


def mounted(disk: Path, size: str) -> Iterator[Path]:
    """A disk of its own in memory."""
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)]
    try:
        done = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        done = False
    if not done:
        pytest.skip("mounting a disk needs more rights")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)
