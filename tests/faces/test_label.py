"""`maskloom label` as a process: what it prints, whom it serves, how it stops."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx2
import numpy as np
import pytest

from maskloom.errors import UsageError
from maskloom.faces.cli import main
from maskloom.faces.label import find_project
from maskloom.store.images import write_png
from maskloom.store.project import Project
from maskloom.store.project.lock import SERVER_LOCK


class Server:
    """A label server in a process of its own, and a browser that it let in."""

    def __init__(self, path, *words, before=()):
        command = [*before, sys.executable, "-m", "maskloom", "label", str(path), "--port", "0",
                   "--no-browser", *words]  # fmt: skip
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.said = []
        while not (self.said and self.said[-1].startswith("The address lets")):
            line = self.process.stdout.readline()
            assert line, self.process.stderr.read()
            self.said.append(line)
        self.address, self.token = re.search(
            r"address  (http://127\.0\.0\.1:\d+)/#token=([\w-]+)\n", "".join(self.said)
        ).groups()
        self.browser = httpx2.Client(base_url=self.address, headers={"Origin": self.address})

    def enter(self):
        answer = self.browser.post("/api/v1/session", json={"token": self.token})
        assert answer.status_code == 200
        return answer.json()

    def stop(self, number=signal.SIGTERM):
        """Its exit status and what it said at the end; one that does not end is an error."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.browser.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def test_the_printed_address_lets_one_browser_in(project_root):
    with Server(project_root, "--user", "Ann B.") as server:
        assert server.browser.get("/").headers["content-type"] == "text/html; charset=utf-8"
        assert server.enter()["author"] == "Ann B."
        told = server.browser.get("/api/v1/project").json()
        assert (told["name"], told["readonly"]) == ("cells", False)
        listed = server.browser.get("/api/v1/samples?limit=2").json()
        assert (listed["total"], [s["key"] for s in listed["samples"]]) == (3, ["a", "b"])
        again = httpx2.post(
            f"{server.address}/api/v1/session",
            json={"token": server.token},
            headers={"Origin": server.address},
        )
        assert again.status_code == 401
        code, out, err = server.stop(signal.SIGINT)
    assert (code, out, err) == (0, "stopped\n", "")


def test_the_server_listens_on_loopback_alone(project_root):
    with Server(project_root) as server:
        port = int(server.address.rpartition(":")[2])
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        rows += [line.split() for line in Path("/proc/net/tcp6").read_text().splitlines()[1:]]
        bound = [row[1] for row in rows if row[3] == "0A" and int(row[1][-4:], 16) == port]
        assert bound == [f"0100007F:{port:04X}"]


def test_the_token_is_in_no_log(project_root):
    with Server(project_root) as server:
        server.enter()
        server.browser.get(f"/?token={server.token}")
        server.browser.post("/api/v1/session", json={"token": server.token})
        _, out, err = server.stop()
    assert server.token not in out + err


def test_sigterm_ends_the_server_while_pages_poll(project_root):
    with Server(project_root) as server:
        server.enter()
        over = threading.Event()

        def poll():
            with httpx2.Client(base_url=server.address, cookies=server.browser.cookies) as browser:
                while not over.is_set():
                    try:
                        browser.get("/api/v1/ops?sample=1&after=0")
                        browser.get("/api/v1/samples/1/tiles/0/0/0")
                    except httpx2.HTTPError:
                        return

        threads = [threading.Thread(target=poll) for _ in range(6)]
        for thread in threads:
            thread.start()
        # A page that was opened and then left idle, and one that stopped in the middle.
        idle = socket.create_connection(("127.0.0.1", int(server.address.rpartition(":")[2])))
        idle.sendall(b"POST /api/v1/ops HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99\r\n\r\n{")
        time.sleep(0.5)
        try:
            code, _, _ = server.stop()
        finally:
            over.set()
            idle.close()
            for thread in threads:
                thread.join()
    assert code == 128 + signal.SIGTERM
    with Project.open(project_root) as project:
        assert project.counts()["todo"] == 3


def test_a_second_server_on_one_project_names_the_first(project_root, capsys):
    with Server(project_root) as server:
        assert main(["label", str(project_root), "--port", "0", "--no-browser"]) == 2
        err = capsys.readouterr().err
        assert str(server.process.pid) in err
        assert server.address in err
        assert json.loads((project_root / SERVER_LOCK).read_bytes())["pid"] == server.process.pid
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
        with Server(project_root) as later:
            assert later.enter()


def test_a_port_in_use_is_said(project_root, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["label", str(project_root), "--port", str(port), "--no-browser"]) == 2
    err = capsys.readouterr().err
    assert "the port is in use" in err
    assert str(port) in err


def test_a_session_outlives_a_kill_and_a_restart_on_the_same_port(project_root):
    with Server(project_root) as first:
        first.enter()
        first.process.kill()
        first.process.wait()
        port = first.address.rpartition(":")[2]
        with Server(project_root, "--port", port):
            assert first.browser.get("/api/v1/session").json()["author"]


def without_override():
    """What to put before a command so that even root must keep to the rights of files."""
    if os.geteuid() != 0:
        return []
    found = shutil.which("setpriv")
    if found is None:
        pytest.skip("root may write everywhere, and setpriv is not there to prevent it")
    return [found, "--bounding-set=-dac_override,-dac_read_search"]


def test_a_project_without_rights_to_write_is_served_for_reading(project_root):
    with Project.open(project_root) as project:
        sequence = project.sequence()
    for path in [*project_root.rglob("*"), project_root]:
        path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o222)
    try:
        with Server(project_root, before=without_override()) as server:
            assert any("read-only" in line for line in server.said)
            assert server.enter()["readonly"] is True
            assert server.browser.get("/api/v1/project").json()["readonly"] is True
            assert server.browser.get("/api/v1/samples/1/tiles/0/0/0").status_code == 200
            assert server.browser.get("/api/v1/samples/1/document").status_code == 200
            for path, body in (
                ("ops", {"sample": 1, "op": {}}),
                ("taxonomy", {"migration": {"kind": "retire", "key": "car"}, "dry_run": False}),
            ):
                answer = server.browser.post(f"/api/v1/{path}", json=body)
                assert answer.status_code == 403
                assert "reading only" in answer.json()["detail"]
            url = server.browser.post("/api/v1/session/invite", json={}).json()["url"]
            server.browser.cookies.clear()
            server.token = url.rpartition("=")[2]
            server.enter()
            assert server.stop()[0] == 128 + signal.SIGTERM
        # A second one does no harm.
        with Server(project_root, before=without_override()) as server:
            server.enter()
    finally:
        for path in [project_root, *project_root.rglob("*")]:
            path.chmod(stat.S_IMODE(path.stat().st_mode) | 0o200)
    with Project.open(project_root) as project:
        assert project.sequence() == sequence


@pytest.mark.parametrize(
    ("folder", "said"),
    [("", "no project here"), ("absent", "no such folder"), ("several", "several projects")],
)
def test_no_project_there_says_how_to_make_one(tmp_path, folder, said, capsys):
    if folder == "several":
        for name in ("one", "two"):
            Project.create(tmp_path / folder / name).close()
    path = tmp_path / folder
    if not folder:
        path = tmp_path / "empty"
        path.mkdir()
    assert main(["label", str(path), "--no-browser"]) == 2
    err = capsys.readouterr().err
    assert said in err
    if not folder:
        assert "maskloom import" in err


def test_the_only_project_below_a_folder_is_found(tmp_path):
    Project.create(tmp_path / "demo/project").close()
    assert find_project(tmp_path) == tmp_path / "demo/project"
    assert find_project(tmp_path / "demo") == tmp_path / "demo/project"
    assert find_project(tmp_path / "demo/project") == tmp_path / "demo/project"
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="no such folder"):
        find_project(tmp_path / "file")


@pytest.mark.parametrize("name", ["", "x" * 65, "a\nb"])
def test_a_name_that_is_none_is_refused(project_root, name, capsys):
    words = ["label", str(project_root), "--port", "0", "--no-browser", "--user", name or " "]
    assert main(words) == 2
    assert "not a name for an author" in capsys.readouterr().err


def test_a_damaged_database_is_one_message(project_root, capsys):
    database = project_root / "labels.sqlite"
    database.write_bytes(b"\0" * 5000)
    assert main(["label", str(project_root), "--port", "0", "--no-browser"]) == 2
    err = capsys.readouterr().err
    assert "labels.sqlite" in err
    assert "Traceback" not in err
    assert err.count("\n") == 1


def test_verbs_run_as_jobs_below_the_projects_parent(project_root, tmp_path):
    (tmp_path / "masks").mkdir()
    write_png(tmp_path / "masks/a.png", np.zeros((4, 4), np.uint8))
    with Server(project_root) as server:
        server.enter()
        answer = server.browser.post("/api/v1/verbs/list", json={"what": "formats"})
        assert answer.status_code == 200
        outside = server.browser.post("/api/v1/verbs/check", json={"data": "../../etc"})
        assert outside.status_code == 403
        job = server.browser.post("/api/v1/verbs/check", json={"data": "absent"})
        assert job.status_code == 202
        place = job.headers["location"]
        for _ in range(600):
            job = server.browser.get(place).json()
            if job["state"] not in ("queued", "running"):
                break
            time.sleep(0.05)
        assert job["state"] == "failed"
        assert "absent" in job["error"]["detail"]
