from __future__ import annotations

import multiprocessing
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import DataError, MaskloomError, UsageError, WriteError
from maskloom.store.project import Address, Project, database, is_project, layers
from maskloom.store.project.layout import Settings, read_settings, write_settings
from maskloom.store.project.reading import pinned_address


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_created_project_is_there_when_it_is_opened_again(tmp_path, project_url, taxonomy):
    with Project.create(
        tmp_path / "p", name="Zellen äöü", taxonomy=taxonomy, database=project_url
    ) as made:
        assert is_project(made.root)
        name = made.id
    with Project.open(tmp_path / "p") as opened:
        assert opened.id == name
        assert opened.name == "Zellen äöü"
        assert opened.taxonomy() == taxonomy
        assert opened.sequence() == 1
        assert [one.name for one in opened.layers()] == ["main"]
        assert opened.samples() == ()
        assert opened.splits() == {}
        assert not opened.readonly
    assert left(tmp_path) == ["p"]
    assert not list(tmp_path.glob("p/labels.sqlite-*")), "closing folds the log into the file"


def test_a_project_without_a_name_is_called_as_its_folder(tmp_path):
    with Project.create(tmp_path / "cells") as made:
        assert made.name == "cells"
        assert made.taxonomy() == Taxonomy(())


def test_an_empty_folder_becomes_a_project_in_place(tmp_path):
    folder = tmp_path / "p"
    folder.mkdir()
    inode = folder.stat().st_ino
    Project.create(folder).close()
    assert folder.stat().st_ino == inode
    assert is_project(folder)


@pytest.mark.parametrize("what", ["file", "folder", "link", "project"])
def test_what_is_there_already_stays_untouched(tmp_path, what):
    there = tmp_path / "p"
    if what == "project":
        Project.create(there).close()
    elif what == "file":
        there.write_text("mine")
    elif what == "link":
        there.symlink_to(tmp_path / "nowhere")
    else:
        there.mkdir()
        (there / "labels.sqlite").write_text("mine")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(WriteError, match=r"exists|is there"):
        Project.create(there)
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert after == before


def test_a_creation_that_fails_leaves_nothing(tmp_path):
    (tmp_path / "empty").mkdir()
    bad = Taxonomy.from_names(["a"])
    for target in (tmp_path / "new", tmp_path / "empty"):
        with pytest.raises(MaskloomError):
            Project.create(target, taxonomy=bad, database="postgresql://nobody@127.0.0.1:1/none")
    assert left(tmp_path) == ["empty"]
    assert left(tmp_path / "empty") == []


@pytest.mark.parametrize("existing", [False, True])
def test_a_killed_creation_is_no_project_and_is_made_anew(tmp_path, existing):
    target = tmp_path / "p"
    if existing:
        target.mkdir()
    code = (
        "import os, sys; from pathlib import Path; from maskloom.store.project import creation;"
        "creation.write_settings = lambda *_: os.kill(os.getpid(), 9);"
        "from maskloom.store.project import Project; Project.create(Path(sys.argv[1]))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(target)], check=False)
    assert done.returncode == -9
    assert not is_project(target)
    with pytest.raises(UsageError):
        Project.open(target)
    Project.create(target).close()
    assert is_project(target)
    assert left(tmp_path) == ["p"]


def test_a_folder_without_settings_is_no_project(tmp_path):
    assert not is_project(tmp_path)
    assert not is_project(tmp_path / "none")
    assert not is_project("x" * 5000)
    with pytest.raises(UsageError, match="not a project"):
        Project.open(tmp_path)
    with pytest.raises(UsageError, match="no such project"):
        Project.open(tmp_path / "none")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff\xfe",
        b"[project",
        b"[project]\nid = 3\nname = 'x'\n",
        b"[project]\nid = 'abc'\nname = 'x'\n",
        b"project = 1\n",
        b"[project]\nid = '%s'\nname = 2\n" % (b"a" * 32),
    ],
)
def test_damaged_settings_are_one_clear_error(tmp_path, text):
    Project.create(tmp_path / "p").close()
    (tmp_path / "p/maskloom.toml").write_bytes(text)
    with pytest.raises(DataError, match=r"maskloom\.toml: the settings"):
        Project.open(tmp_path / "p")


@pytest.mark.parametrize("name", ['say "hi" \\ 日本', "", "a'b", "\U0001f600"])
def test_settings_come_back_as_they_were_written(tmp_path, name):
    settings = Settings("ab" * 16, name, "postgresql://u@h/d?sslmode=require")
    write_settings(tmp_path, settings)
    assert read_settings(tmp_path) == settings


@pytest.mark.parametrize("name", ["a\nb", "x" * 201, "\x7f", "a\0b"])
def test_a_name_that_cannot_be_shown_on_a_line_is_refused(tmp_path, name):
    with pytest.raises(UsageError, match="not a name"):
        Project.create(tmp_path / "p", name=name)
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    "url",
    [
        "mysql://a:secret@b/c",
        "nonsense",
        "sqlite:///secret.db",
        "postgresql+asyncpg://u:secret@h/d",
    ],
)
def test_another_kind_of_url_is_refused_without_telling_its_password(tmp_path, url):
    with pytest.raises(UsageError, match="not the URL") as caught:
        Project.create(tmp_path / "p", database=url)
    assert "secret" not in caught.value.message
    assert left(tmp_path) == []


def test_a_server_out_of_reach_is_one_clear_error_without_the_password(tmp_path):
    with pytest.raises(DataError, match="cannot be reached") as caught:
        Project.create(tmp_path / "p", database="postgresql://u:secret@127.0.0.1:1/d")
    assert "secret" not in caught.value.message


@pytest.mark.postgres
def test_a_database_holds_one_project(tmp_path, postgres_url):
    Project.create(tmp_path / "a", database=postgres_url).close()
    with pytest.raises(UsageError, match="holds tables already"):
        Project.create(tmp_path / "b", database=postgres_url)
    with Project.create(tmp_path / "c") as other:
        settings = Settings(other.id, "", postgres_url)
    write_settings(tmp_path / "c", settings)
    with pytest.raises(DataError, match="another project"):
        Project.open(tmp_path / "c")


@pytest.mark.postgres
def test_a_database_without_tables_holds_no_project(tmp_path, postgres_url):
    with Project.create(tmp_path / "c") as made:
        settings = Settings(made.id, "", postgres_url)
    write_settings(tmp_path / "c", settings)
    with pytest.raises(DataError, match="holds no project"):
        Project.open(tmp_path / "c")


def test_a_project_open_for_reading_refuses_to_write(project):
    with Project.open(project.root, readonly=True) as reader:
        assert reader.page()[1] == 3
        with pytest.raises(WriteError, match="reading only"), database.write(reader):
            pytest.fail("the block must not run")


@pytest.mark.parametrize("project_url", [""])
def test_a_project_moves_with_what_lies_beside_it(project, tmp_path):
    project.close()
    (tmp_path / "moved").mkdir()
    moved = tmp_path / "moved/project"
    project.root.rename(moved)
    with Project.open(moved) as opened:
        assert opened.image_path(1) == tmp_path / "moved/images/000000.png"


def test_a_project_travels_to_other_processes_as_its_path(project):
    again = pickle.loads(pickle.dumps(project))
    with again:
        assert (again.id, again.readonly) == (project.id, False)
        assert again.page() == project.page()


def _child(project, answers):
    with database.write(project) as connection:
        answers.put(database.next_seq(connection))
    answers.put(project.page()[1])
    project.close()


@pytest.mark.skipif(sys.platform == "win32", reason="no fork there")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_uses_connections_of_its_own(project):
    before = project.sequence()
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    child = context.Process(target=_child, args=(project, answers))
    child.start()
    assert answers.get(timeout=60) == before + 1
    assert answers.get(timeout=60) == 3
    child.join()
    assert child.exitcode == 0
    assert project.sequence() == before + 1
    with database.write(project) as connection:
        assert database.next_seq(connection) == before + 2


def test_importing_the_package_loads_no_database():
    code = (
        "import sys, maskloom.store.project as p; p.is_project; p.parse_address('a::b');"
        "assert not {'sqlalchemy', 'alembic', 'numba', 'pyarrow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ})


def test_a_layer_is_found_without_its_hash_where_it_can_only_be_one(project):
    with database.write(project) as connection:
        for name in ("model/net@ab12", "model/net@x/deep", "model/other@1", "by/ann@home"):
            layers.make(connection, name, immutable=name.startswith("model/"))
    with database.read(project) as connection:
        assert layers.find(connection, "model/other").name == "model/other@1"
        assert layers.find(connection, "model/net@ab12").name == "model/net@ab12"
        # One that people just start is that one, and no other's.
        assert layers.find(connection, "by/ann").id == 0
        with pytest.raises(UsageError, match="several layers") as caught:
            layers.find(connection, "model/net")
        assert "model/net@ab12, model/net@x/deep" in str(caught.value)
        for name in ("model/oth", "model/%", "model/o_her", "model/other@"):
            with pytest.raises(UsageError, match=r"no such layer|not a name"):
                layers.find(connection, name)
    assert project.dataset("model/other").samples == ()
    address = pinned_address(project, Address(project.root, "model/other"))
    assert (address.layer, address.at) == ("model/other@1", project.sequence())
