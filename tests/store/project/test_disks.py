"""Projects on disks that are full, or cannot be written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from maskloom.edits.gestures import create_object, make
from maskloom.edits.operations import new_uid
from maskloom.edits.tiles import encode_tile
from maskloom.errors import WriteError
from maskloom.store.project import Project, database

DIE = """
import os, sys
from pathlib import Path
from maskloom.store.project import Project, database
project = Project.open(Path(sys.argv[1]))
with database.write(project) as connection:
    print(database.next_seq(connection), flush=True)
os.kill(os.getpid(), 9)
"""


def remount(disk: Path, mode: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{mode}", str(disk)], check=True)


@pytest.fixture
def on_disk(small_disk, taxonomy, add_samples):
    """A closed project on a disk of its own."""
    with Project.create(small_disk / "p", taxonomy=taxonomy) as made:
        add_samples(made, 3)
        return made.root


def contents(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_project_on_a_read_only_disk_can_be_read(on_disk, small_disk):
    remount(small_disk, "ro")
    before = contents(on_disk)
    with Project.open(on_disk, readonly=True) as opened:
        assert opened.page()[1] == 3
        assert opened.document(1, "main").objects == {}
        with pytest.raises(WriteError, match="reading only"), database.write(opened):
            pytest.fail("the block must not run")
    assert contents(on_disk) == before


def test_a_project_on_a_read_only_disk_is_not_opened_for_writing(on_disk, small_disk):
    remount(small_disk, "ro")
    with pytest.raises(WriteError, match=r"cannot write: Read-only.*"), Project.open(on_disk):
        pytest.fail("it opened")


@pytest.mark.parametrize("index", ["kept", "lost"])
def test_what_a_killed_program_left_in_the_log_is_read_from_a_read_only_disk(
    on_disk, small_disk, index
):
    killed = subprocess.run(
        [sys.executable, "-c", DIE, str(on_disk)], capture_output=True, text=True, check=False
    )
    assert killed.returncode == -9
    log = on_disk / "labels.sqlite-wal"
    assert log.stat().st_size > 0
    if index == "lost":
        (on_disk / "labels.sqlite-shm").unlink()
    remount(small_disk, "ro")
    before = contents(on_disk)
    with Project.open(on_disk, readonly=True) as opened:
        assert opened.sequence() == int(killed.stdout)
    assert contents(on_disk) == before


def test_a_reader_on_a_disk_that_can_be_written_sees_what_is_written_meanwhile(on_disk):
    with Project.open(on_disk) as writer, Project.open(on_disk, readonly=True) as reader:
        with database.write(writer) as connection:
            seq = database.next_seq(connection)
        assert reader.sequence() == seq


def paint(project: Project, sample: int, noise) -> int:
    """Commit an operation of some 60 kB."""
    tiles = {(0, 0): encode_tile(noise.integers(0, 2, (256, 256)).astype(bool))}
    document = project.document(sample, "main")
    op = make(document, "main", "brush", [create_object(new_uid(), tiles, "car")])
    return project.commit(sample, op, author="ann").revision


def test_a_full_disk_refuses_an_operation_and_keeps_the_earlier_ones(on_disk, small_disk, noise):
    with Project.open(on_disk) as opened:
        done = 0
        with pytest.raises(WriteError, match=r"space|disk") as caught:
            while done < 1000:
                paint(opened, 1, noise)
                done += 1
        assert 0 < done < 100
        assert "\n" not in caught.value.message
        assert len(opened.operations(1, "main")) == done
        # Growing in place frees nothing, so that the log keeps all it holds.
        with pytest.raises(WriteError):
            paint(opened, 1, noise)
        assert opened.sample(1).revision == done
        subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
        assert paint(opened, 1, noise) == done + 1
    with Project.open(on_disk) as again:
        assert len(again.operations(1, "main")) == done + 1
        assert len(again.document(1, "main").objects) == done + 1


def test_space_that_is_freed_lets_the_next_operation_in(on_disk, small_disk, noise):
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"\0" * 400_000)
    with Project.open(on_disk) as opened:
        done = 0
        with pytest.raises(WriteError):
            while done < 1000:
                paint(opened, 1, noise)
                done += 1
        ballast.unlink()
        assert paint(opened, 1, noise) == done + 1


def test_no_room_for_a_project_is_one_error_and_leaves_nothing(small_disk):
    (small_disk / "ballast").write_bytes(b"\0" * 1_000_000)
    with pytest.raises(WriteError, match=r"space|disk"):
        Project.create(small_disk / "p")
    assert [path.name for path in small_disk.iterdir()] == ["ballast"]


def test_no_room_for_the_copy_of_a_read_only_database_is_told(
    on_disk, small_disk, tmp_path, monkeypatch
):
    subprocess.run([sys.executable, "-c", DIE, str(on_disk)], capture_output=True, check=False)
    (on_disk / "labels.sqlite-shm").unlink()
    remount(small_disk, "ro")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    with pytest.raises(WriteError, match="needs space for a copy"):
        Project.open(on_disk, readonly=True)
