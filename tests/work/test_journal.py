"""What a journal says is done was done; whatever is damaged is done again."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from maskloom.errors import DataError, WriteError
from maskloom.work.journal import Journal

OF = {"plan": [1, 2], "model": "m@1"}


def opened(path, of=None):
    journal = Journal(path, of or OF)
    return journal, journal.open()


def test_what_was_added_is_there_for_the_next(tmp_path):
    journal, known = opened(tmp_path / "journal")
    assert not known
    journal.add("a", bytes=3)
    journal.add("b")
    again, known = opened(tmp_path / "journal")
    assert known
    assert "a" in again
    assert "c" not in again
    assert again["a"]["bytes"] == 3
    assert len(again) == 2
    assert again.damaged == 0


def test_a_journal_of_other_work_is_begun_anew(tmp_path):
    journal, _ = opened(tmp_path / "journal")
    journal.add("a")
    other, known = opened(tmp_path / "journal", {"plan": [1, 3]})
    assert not known
    assert len(other) == 0


@pytest.mark.parametrize("cut", [1, 5, 12, 20])
def test_a_line_cut_by_a_kill_is_not_done_and_the_next_is_whole(tmp_path, cut):
    path = tmp_path / "journal"
    journal, _ = opened(path)
    journal.add("a")
    journal.add("b")
    path.write_bytes(path.read_bytes()[:-cut])
    again, known = opened(path)
    assert known
    assert "a" in again
    if cut > 1:  # a newline alone may be missing
        assert "b" not in again
        assert again.damaged == 1
    again.add("c")
    assert {"a", "c"} <= {k for k in "abc" if k in opened(path)[0]}


def test_a_flipped_bit_is_seen(tmp_path):
    path = tmp_path / "journal"
    journal, _ = opened(path)
    journal.add("a", bytes=300)
    journal.add("b", bytes=400)
    path.write_bytes(path.read_bytes().replace(b"300", b"301"))
    again, known = opened(path)
    assert known
    assert "a" not in again
    assert "b" in again
    assert again.damaged == 1


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"no journal\n", b"00000000 {}\n"])
def test_a_journal_without_its_first_line_is_begun_anew(tmp_path, content):
    path = tmp_path / "journal"
    path.write_bytes(content)
    journal, known = opened(path)
    assert not known
    journal.add("a")
    assert "a" in opened(path)[0]


def test_several_processes_append_to_one(tmp_path):
    path = tmp_path / "journal"
    opened(path)
    code = (
        "import sys; from pathlib import Path; from maskloom.work.journal import Journal\n"
        f"j = Journal(Path(sys.argv[1]), {OF!r}); j.open()\n"
        "for i in range(200): j.add(f'{sys.argv[2]}-{i}')"
    )
    children = [subprocess.Popen([sys.executable, "-c", code, path, n]) for n in "xyz"]
    assert [child.wait() for child in children] == [0, 0, 0]
    journal, known = opened(path)
    assert known
    assert len(journal) == 600
    assert journal.damaged == 0


def test_other_processes_are_seen_on_rereading(tmp_path):
    one, _ = opened(tmp_path / "journal")
    two, _ = opened(tmp_path / "journal")
    two.add("a")
    assert "a" not in one
    one.reread()
    assert "a" in one


def test_a_target_begun_anew_by_another_is_told(tmp_path):
    one, _ = opened(tmp_path / "journal")
    opened(tmp_path / "journal", {"other": 1})
    with pytest.raises(DataError, match="begun the same target"):
        one.reread()


def test_a_full_disk_is_one_clear_error(tmp_path):
    code = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from maskloom.work.journal import Journal; from maskloom.errors import WriteError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"j = Journal(Path(sys.argv[1]), {OF!r}); j.open()\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (400, 400))\n"
        "try:\n"
        "    for i in range(1000): j.add(str(i))\n"
        "except WriteError as error: print(i, error); sys.exit(3)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "journal"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 3, done.stderr
    count, _, message = done.stdout.partition(" ")
    assert "journal" in message
    journal, known = opened(tmp_path / "journal")
    assert known
    assert len(journal) in (int(count), int(count) - 1)  # the last may be cut


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(WriteError):
        opened(tmp_path / "journal")
