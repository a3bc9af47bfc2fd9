from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import insert, inspect, select, text, update

from maskloom.errors import DataError, MaskloomError, WriteError
from maskloom.store.project import Project, database, migrations, schema
from maskloom.store.project.sqlite_file import SqliteFile, copy_database, file_system


def test_the_migrations_make_the_tables_that_the_code_uses(project):
    with database.read(project) as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, schema.metadata) == []
        names = set(inspect(connection).get_table_names())
    assert names == {*schema.metadata.tables, "alembic_version"}


def test_the_newest_migration_is_the_one_that_is_asked_for():
    assert ScriptDirectory(str(migrations.SCRIPTS)).get_current_head() == migrations.HEAD


def test_a_failed_transaction_leaves_nothing(project):
    before = project.sequence()
    with pytest.raises(ZeroDivisionError), database.write(project) as connection:
        database.next_seq(connection)
        raise ZeroDivisionError
    assert project.sequence() == before


def test_a_reader_sees_one_state_while_another_writes(project):
    with database.read(project) as reading:
        seq = select(schema.project.c.seq)
        first = reading.execute(seq).scalar()
        with database.write(project) as writing:
            database.next_seq(writing)
        assert reading.execute(seq).scalar() == first
    assert project.sequence() == first + 1


def test_threads_take_every_number_once(project):
    taken = []

    def take():
        for _ in range(20):
            with database.write(project) as connection:
                taken.append(database.next_seq(connection))

    before = project.sequence()
    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(before + 1, before + 81))


TAKE = """
import sys
from pathlib import Path
from maskloom.store.project import Project, database
with Project.open(Path(sys.argv[1])) as project:
    print("open", flush=True)
    sys.stdin.readline()
    for _ in range(50):
        with database.write(project) as connection:
            print(database.next_seq(connection), flush=True)
"""


def test_two_writers_in_two_processes_take_turns(project):
    before = project.sequence()
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", TAKE, str(project.root)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    for writer in writers:
        assert writer.stdout.readline() == "open\n"
    for writer in writers:
        writer.stdin.write("\n")
        writer.stdin.flush()
    told = [writer.communicate()[0].split() for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0]
    assert sorted(int(seq) for one in told for seq in one) == list(range(before + 1, before + 101))
    assert project.sequence() == before + 100


def test_who_waits_too_long_for_the_one_writer_is_told(project, monkeypatch):
    monkeypatch.setattr("maskloom.store.project.database.WAIT_S", 1)
    monkeypatch.setattr("maskloom.store.project.sqlite_file.WAIT_S", 0.1)
    before = project.sequence()
    with database.write(project), Project.open(project.root) as other:
        with (
            pytest.raises(WriteError, match="another program has been writing"),
            database.write(other) as connection,
        ):
            database.next_seq(connection)
        assert other.sequence() == before, "readers do not wait"
    with database.write(project) as connection:
        assert database.next_seq(connection) == before + 1


@pytest.mark.postgres
def test_connections_that_the_server_dropped_are_made_anew(tmp_path, postgres_url):
    with Project.create(tmp_path / "p", database=postgres_url) as project:
        project.sequence()
        with database.read(project) as connection:
            name = connection.execute(text("SELECT current_database()")).scalar()
        import psycopg

        with psycopg.connect(postgres_url, autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = %s AND pid <> pg_backend_pid()",
                [name],
            )
        with database.write(project) as connection:
            assert database.next_seq(connection) == 2
        with pytest.raises(DataError), database.write(project) as connection:
            seq = database.next_seq(connection)
            assert seq == 3
            with psycopg.connect(postgres_url, autocommit=True) as admin:
                admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = %s AND pid <> pg_backend_pid()",
                    [name],
                )
        assert project.sequence() == 2


@pytest.mark.postgres
def test_several_projects_share_a_database_by_schemas(tmp_path, postgres_url):
    import psycopg

    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute("CREATE SCHEMA one")
        admin.execute("CREATE SCHEMA two")
    for name in ("one", "two"):
        url = f"{postgres_url}?options=-csearch_path%3D{name}"
        Project.create(tmp_path / name, name=name, database=url).close()
    with Project.open(tmp_path / "one") as one, Project.open(tmp_path / "two") as two:
        assert one.id != two.id
        with database.write(one) as connection:
            database.next_seq(connection)
        assert (one.sequence(), two.sequence()) == (2, 1)


# The embedded file: what can happen to it.


@pytest.fixture
def embedded(tmp_path, taxonomy):
    """A closed project with 2,000 samples in an SQLite file of many pages."""
    with Project.create(tmp_path / "p", taxonomy=taxonomy) as made:
        rows = [
            {"key": f"{i:06d}", "file_name": "x" * 100, "kind": "image", "added": ""}
            for i in range(2000)
        ]
        with database.write(made) as connection:
            connection.execute(insert(schema.sample), rows)
        file = made.layout.database
    assert file.stat().st_size > 60_000
    return file


def use(file: Path) -> int:
    with Project.open(file.parent) as opened:
        opened.page(search="1")
        with database.write(opened) as connection:
            database.next_seq(connection)
        return len(opened.samples())


@pytest.mark.parametrize("length", [0, 1, 50, 100, 4095, 4096, 20_000, "half", -1])
def test_a_cut_off_database_is_one_clear_error(embedded, length):
    size = embedded.stat().st_size
    os.truncate(embedded, size // 2 if length == "half" else length % size if length else 0)
    with pytest.raises(DataError, match=r"labels\.sqlite: .*(cut off|not a database|damaged)"):
        use(embedded)


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\3\4" + b"\0" * 5000, b"{}" * 4096])
def test_another_file_in_its_place_is_one_clear_error(embedded, content):
    embedded.write_bytes(content)
    with pytest.raises(DataError, match=r"labels\.sqlite: the file is not a database"):
        use(embedded)
    assert embedded.read_bytes() == content


def test_an_absent_database_is_one_clear_error_and_none_is_made(embedded):
    embedded.unlink()
    with pytest.raises(DataError, match="cannot be read"):
        use(embedded)
    assert not embedded.exists()


def test_another_database_in_its_place_is_one_clear_error(embedded):
    embedded.unlink()
    with sqlite3.connect(embedded) as other:
        other.execute("CREATE TABLE notes (id INTEGER)")
    other.close()
    with pytest.raises(DataError, match="holds no project"):
        use(embedded)


@pytest.mark.parametrize("seed", range(12))
def test_random_bytes_in_it_are_one_clear_error_or_do_no_harm(embedded, seed):
    clock = random.Random(seed)
    data = bytearray(embedded.read_bytes())
    for _ in range(1 + seed):
        at = clock.randrange(100, len(data) - 600)
        data[at : at + 512] = clock.randbytes(512)
    embedded.write_bytes(data)
    told = ""
    try:
        use(embedded)
    except MaskloomError as error:
        told = error.message
    assert "\n" not in told


def test_a_wholly_overwritten_page_is_one_clear_error(embedded):
    data = bytearray(embedded.read_bytes())
    for page in range(1, len(data) // 4096):
        data[page * 4096 : page * 4096 + 4096] = random.Random(page).randbytes(4096)
    embedded.write_bytes(data)
    with pytest.raises(DataError, match="damaged"):
        use(embedded)


def set_version(file: Path, version: str) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
    connection.close()


def test_a_newer_schema_is_refused(project):
    with database.write(project) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DataError, match=r"newer maskloom.*9999.*[Uu]pgrade"):
        Project.open(project.root)


@pytest.fixture
def later(tmp_path) -> Path:
    """Migrations of a later maskloom: one more, which adds a column."""
    scripts = tmp_path / "later"
    shutil.copytree(migrations.SCRIPTS, scripts)
    (scripts / "versions/v9001.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n"
        f"revision = '9001'\ndown_revision = {migrations.HEAD!r}\n"
        "def upgrade():\n    op.add_column('project', sa.Column('motto', sa.Text()))\n"
    )
    return scripts


def test_an_older_schema_is_upgraded_after_a_copy(project, later):
    with database.write(project) as connection:
        connection.execute(update(schema.project).values(seq=7))
    assert migrations.bring_up_to_date(project, scripts=later, head="9001")
    with database.read(project) as connection:
        assert connection.execute(text("SELECT motto, seq FROM project")).all() == [(None, 7)]
    assert not migrations.bring_up_to_date(project, scripts=later, head="9001")
    if file := project.database.path:
        copy = sqlite3.connect(file.with_name(f"{file.name}.{migrations.HEAD}"))
        assert copy.execute("SELECT seq FROM project").fetchall() == [(7,)]
        assert copy.execute("SELECT version_num FROM alembic_version").fetchall() == [
            (migrations.HEAD,)
        ]
        copy.close()
    with pytest.raises(DataError, match="newer maskloom"):
        Project.open(project.root)


def test_an_upgrade_that_fails_leaves_the_schema_as_it_was(project, later):
    broken = later / "versions/v9001.py"
    broken.write_text(broken.read_text() + "    op.drop_table('none_such')\n")
    with pytest.raises(DataError):
        migrations.bring_up_to_date(project, scripts=later, head="9001")
    with Project.open(project.root) as again:
        assert again.page()[1] == 3


def test_an_older_schema_is_not_upgraded_for_a_reader(project, later):
    with (
        Project.open(project.root, readonly=True) as reader,
        pytest.raises(DataError, match="older maskloom"),
    ):
        migrations.bring_up_to_date(reader, scripts=later, head="9001")


def test_a_copy_holds_what_is_still_in_the_log(embedded, tmp_path):
    with Project.open(embedded.parent) as opened:
        with database.write(opened) as connection:
            seq = database.next_seq(connection)
        copy_database(embedded, tmp_path / "copy.sqlite")
    copy = sqlite3.connect(tmp_path / "copy.sqlite")
    assert copy.execute("SELECT seq FROM project").fetchall() == [(seq,)]
    copy.close()


MOUNTS = r"""
21 1 254:0 / / rw,relatime - ext4 /dev/vda rw
22 21 0:5 / /dev rw - devtmpfs devtmpfs rw
40 21 0:9 / /vol/share rw,relatime shared:1 - nfs4 server:/share rw
41 40 0:10 / /vol/share/local rw - ext4 /dev/vdb rw
42 21 0:11 / /vol/with\040space rw - cifs //server/x rw
43 21 0:12 / /vol/ssh rw - fuse.sshfs me@there: rw
nonsense
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/somewhere/p", "ext4"),
        ("/vol/share/p/labels.sqlite", "nfs4"),
        ("/vol/sharepoint/p", "ext4"),
        ("/vol/share/local/p", "ext4"),
        ("/vol/with space/p", "cifs"),
        ("/vol/ssh", "fuse.sshfs"),
    ],
)
def test_the_file_system_of_a_path_is_that_of_the_nearest_mount(tmp_path, path, kind):
    (tmp_path / "mounts").write_text(MOUNTS)
    assert file_system(Path(path), tmp_path / "mounts") == kind


def test_an_unknown_table_of_mounts_is_no_network(tmp_path):
    assert file_system(tmp_path, tmp_path / "none") == ""


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "smb3", "fuse.sshfs", "9p", "ceph"])
def test_a_network_disk_is_refused_for_writing_and_read_from_a_copy(embedded, tmp_path, kind):
    mounts = tmp_path / "mounts"
    mounts.write_text(f"21 1 254:0 / {embedded.parent} rw - {kind} server:/share rw\n")
    for create in (False, True):
        with pytest.raises(WriteError, match=f"network disk.*{kind}.*PostgreSQL"):
            SqliteFile(embedded, create=create, mounts=mounts)
    before = sorted(embedded.parent.iterdir())
    file = SqliteFile(embedded, readonly=True, mounts=mounts)
    connection = file.connect()
    assert connection.execute("SELECT count(*) FROM sample").fetchall() == [(2000,)]
    assert sorted(embedded.parent.iterdir()) == before
    connection.close()
    file.close()
