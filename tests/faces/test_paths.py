from __future__ import annotations

from pathlib import Path

import pytest

from maskloom.errors import UsageError
from maskloom.faces.paths import Outside, check_text, inside


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "root"
    (root / "data").mkdir(parents=True)
    (tmp_path / "secret").mkdir()
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "own").symlink_to(root / "data")
    return root.resolve()


@pytest.mark.parametrize("path", ["data/x.json", "new/deep", ".", "data/../data", "own/x"])
def test_a_path_under_the_root_is_made_absolute(root, path):
    assert inside(root, Path(path), where="src") == (root / path).resolve()


@pytest.mark.parametrize(
    "path", ["..", "../secret", "data/../../secret", "/", "link", "link/a", "~/a"]
)
def test_a_path_that_leaves_the_root_is_refused(root, path):
    with pytest.raises(Outside, match="src"):
        inside(root, Path(path), where="src")


def test_a_sibling_whose_name_begins_alike_is_outside(root):
    with pytest.raises(Outside):
        inside(root, Path(f"{root}2/x"), where="src")


@pytest.fixture
def projects(root):
    """A project under the root, one outside of it, and links to both."""
    for folder in (root / "p", root.parent / "secret/p"):
        folder.mkdir()
        (folder / "maskloom.toml").write_text("")
    (root / "mine").symlink_to(root / "p")
    (root / "theirs").symlink_to(root.parent / "secret/p")
    return root


@pytest.mark.parametrize("tail", ["::main", "::by/ann#12"])
@pytest.mark.parametrize("name", ["p", "mine", "data/../p"])
def test_an_address_keeps_its_layer_and_gets_the_real_folder(projects, name, tail):
    assert str(inside(projects, Path(name + tail), where="src")) == f"{projects}/p{tail}"


@pytest.mark.parametrize(
    "path",
    ["theirs", "theirs::main", "theirs::by/ann#3", "link/p::main", "../secret/p::main",
     "p::main/../../../../etc"],
)  # fmt: skip
def test_an_address_of_a_project_outside_is_refused(projects, path):
    with pytest.raises((Outside, UsageError)):
        inside(projects, Path(path), where="src")
    with pytest.raises((Outside, UsageError)):
        check_text(projects, path, where="model")


@pytest.mark.parametrize(
    "text", ["otsu", "data::gold#3", "a=b", "to.colors=data/c.txt", "wall, sky"]
)
def test_text_that_stays_inside_passes(root, text):
    check_text(root, text, where="model")


@pytest.mark.parametrize(
    "text", ["../x", "/etc/x", "link", "x=../y", "a,../b", "../p::gold", "file:///a", "s3://b/c"]
)
def test_text_that_names_a_place_outside_is_refused(root, text):
    with pytest.raises(Outside, match="model"):
        check_text(root, text, where="model")


def test_a_null_byte_is_no_path(root):
    with pytest.raises(UsageError, match="src"):
        inside(root, Path("a\0b"), where="src")
