"""Keys of samples from the names that files give images."""

from __future__ import annotations

from pathlib import Path

import pytest

from maskloom.core.sample import sample_key
from maskloom.errors import DataError


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("a.png", "a"),
        ("train/a.b.png", "train/a.b"),
        ("JPEGImages\\c.jpg", "JPEGImages/c"),
        ("a\\b/c d.tif", "a/b/c d"),
        ("./x.png", "x"),
        (".hidden", ".hidden"),
        (Path("f") / "g.jpeg", "f/g"),
    ],
)
def test_a_key_has_slashes_and_no_suffix(name: str | Path, key: str) -> None:
    assert sample_key(name) == key


@pytest.mark.parametrize("name", [".", "", "/", "./", "..", "a/.."])
def test_a_name_of_no_file_is_refused(name: str) -> None:
    with pytest.raises(DataError, match="not the name of an image"):
        sample_key(name)
