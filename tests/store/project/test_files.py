"""Addresses, names of layers, blobs and locks."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskloom.errors import DataError, MaskloomError, UsageError, WriteError
from maskloom.store.project import Address, blobs, parse_address
from maskloom.store.project.address import layer_name
from maskloom.store.project.layout import safe_name
from maskloom.store.project.lock import SERVER_LOCK, server_lock, writer_lock


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("p", Address(Path("p"))),
        ("/a/b c/p", Address(Path("/a/b c/p"))),
        ("p::gold", Address(Path("p"), "gold")),
        ("p::by/ann#12", Address(Path("p"), "by/ann", 12)),
        ("p::model/unet@ab12#0", Address(Path("p"), "model/unet@ab12", 0)),
        ("p::#7", Address(Path("p"), "main", 7)),
        ("p::", Address(Path("p"))),
        ("a::b::c", Address(Path("a::b"), "c")),
        ("p#7", Address(Path("p#7"))),
        (Path("p::gold"), Address(Path("p::gold"))),
    ],
)
def test_an_address_names_project_layer_and_number(text, address):
    assert parse_address(text) == address


def test_a_folder_that_is_there_is_not_taken_apart(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p::gold").mkdir()
    assert parse_address("p::gold") == Address(Path("p::gold"))


@pytest.mark.parametrize(
    "text", ["p::gold#", "p::gold#x", "p::gold#-1", "p::gold#1#2", "p::gold#٣", "p::g#" + "9" * 5000,
             "p::g#9223372036854775808", "p\0::gold", "p::../x", "p::a b/"]
)  # fmt: skip
def test_a_wrong_address_is_refused(text):
    with pytest.raises(UsageError):
        parse_address(text)


@given(st.integers(0, 2**63 - 1), st.sampled_from(["main", "by/ann", "model/m@1.2+x", "by/Zoë W"]))
def test_an_address_reads_what_it_writes(at, layer):
    address = Address(Path("some/p"), layer, at)
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    "name", ["main", "by/Jörg-2", "by/日本", "model/unet@ab12cd", "a.b", "x_1"]
)
def test_names_of_layers_are_words_of_any_script(name):
    assert layer_name(name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/../b", "/a", "a/", "a//b", "a\\b", "a\0", "a\n", "a:b", "a#1",
             "a ", " a", "a.", ".a", "-a", "a" * 101, "\u202ea", "e\u0301", "a\ud800", "con:", "*", "a'b"]
)  # fmt: skip
def test_a_name_that_could_lead_elsewhere_is_none_for_a_layer(name):
    with pytest.raises(UsageError, match="not a name for a layer"):
        layer_name(name)


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=2, unique=True))
def test_names_of_files_differ_even_where_a_disk_ignores_case(names):
    made = [safe_name(name) for name in names]
    assert len({name.lower() for name in made}) == len(names)
    for name in made:
        assert len(name) <= 160
        assert name.isascii()
        assert not set(name) & set('/\\:*?"<>|\0')
        assert not name.startswith(".")


def test_names_of_files_stay_readable():
    assert safe_name("by/Ann") == "by%2f%41nn"
    assert safe_name("model/unet@ab12") == "model%2funet@ab12"


def test_a_blob_is_named_by_what_it_holds_and_kept_once(tmp_path):
    name = blobs.put(tmp_path / "blobs", b"hello")
    assert name == hashlib.sha256(b"hello").hexdigest()
    file = tmp_path / "blobs" / name[:2] / name
    assert file.read_bytes() == b"hello"
    stamp = file.stat().st_mtime_ns
    assert blobs.put(tmp_path / "blobs", b"hello") == name
    assert file.stat().st_mtime_ns == stamp
    assert blobs.get(tmp_path / "blobs", name) == b"hello"
    assert [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == [file]
    assert tmp_path / "blobs" / blobs.place(b"hello") == file


@pytest.mark.parametrize("damage", [b"", b"hellO", b"hello "])
def test_a_damaged_blob_is_never_given_out_and_is_mended_by_writing(tmp_path, damage):
    name = blobs.put(tmp_path, b"hello")
    (tmp_path / name[:2] / name).write_bytes(damage)
    with pytest.raises(DataError, match="damaged"):
        blobs.get(tmp_path, name)
    blobs.put(tmp_path, b"hello")
    assert blobs.get(tmp_path, name) == b"hello"


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "ab", "A" * 64, "a" * 64])
def test_a_blob_that_is_not_there_is_one_clear_error(tmp_path, name):
    with pytest.raises(DataError):
        blobs.get(tmp_path, name)


SERVE = """
import os, sys, time
from pathlib import Path
from maskloom.store.project.lock import server_lock
with server_lock(Path(sys.argv[1])) as lock:
    lock.serve_at(8471)
    print(os.getpid(), flush=True)
    sys.stdin.readline()
"""


def served(root):
    server = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(root)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert int(server.stdout.readline()) == server.pid
    return server


def test_a_second_label_server_is_told_where_the_first_one_is(tmp_path):
    server = served(tmp_path)
    try:
        with (
            pytest.raises(UsageError, match=f"process {server.pid}.*127.0.0.1:8471"),
            server_lock(tmp_path),
        ):
            pytest.fail("two servers")
    finally:
        server.communicate("\n")
    with server_lock(tmp_path, 9000):
        pass


def test_the_lock_of_a_killed_server_is_free(tmp_path):
    server = served(tmp_path)
    server.send_signal(signal.SIGKILL)
    server.communicate()
    with server_lock(tmp_path), pytest.raises(UsageError), server_lock(tmp_path):
        pytest.fail("two servers")


def test_one_import_at_a_time(tmp_path):
    with writer_lock(tmp_path, "import of camvid"):
        with (
            pytest.raises(UsageError, match=f"process {os.getpid()}, import of camvid"),
            writer_lock(tmp_path),
        ):
            pytest.fail("two imports")
        with server_lock(tmp_path):
            pass  # an import and a server do not shut each other out
    with writer_lock(tmp_path):
        pass


@pytest.mark.parametrize("content", [b"", b"\xff", b"[1]", b"x" * 10_000])
def test_whatever_is_in_the_file_of_a_lock_it_can_be_taken(tmp_path, content):
    (tmp_path / SERVER_LOCK).write_bytes(content)
    with server_lock(tmp_path), pytest.raises(UsageError, match="another label server"):
        (tmp_path / SERVER_LOCK).write_bytes(content)
        with server_lock(tmp_path):
            pytest.fail("two servers")


def test_a_lock_never_writes_through_a_link(tmp_path):
    (tmp_path / "mine").write_text("mine")
    (tmp_path / SERVER_LOCK).symlink_to(tmp_path / "mine")
    with pytest.raises(WriteError), server_lock(tmp_path):
        pytest.fail("through a link")
    assert (tmp_path / "mine").read_text() == "mine"


def test_no_lock_where_nothing_can_be_written(tmp_path):
    with pytest.raises(WriteError), server_lock(tmp_path / "none"):
        pytest.fail("locked nothing")


def test_threads_that_write_the_same_bytes_do_not_meet(tmp_path):
    data = bytes(range(256)) * 2000
    for turn in range(20):
        folder, failures = tmp_path / str(turn), []
        barrier = threading.Barrier(4)

        def write(folder=folder, barrier=barrier, failures=failures):
            barrier.wait()
            try:
                blobs.get(folder, blobs.put(folder, data))
            except MaskloomError as error:
                failures.append(error)

        threads = [threading.Thread(target=write) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert len([p for p in folder.rglob("*") if p.is_file()]) == 1


def test_a_blob_that_is_there_is_not_one_to_take_back(tmp_path):
    noted = []
    name = blobs.put(tmp_path, b"x", noted.append)
    assert noted == [tmp_path / name[:2] / name]
    (tmp_path / name[:2] / name).write_bytes(b"damaged")
    blobs.put(tmp_path, b"x", noted.append)
    assert len(noted) == 1
    assert blobs.get(tmp_path, name) == b"x"
    blobs.remove(tmp_path, name)
    blobs.remove(tmp_path, name)
    blobs.remove(tmp_path, "../../etc/passwd")
    assert not (tmp_path / name[:2] / name).exists()
