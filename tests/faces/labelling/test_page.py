"""The files of the page: an exact table, nothing around it."""

from __future__ import annotations

import zipfile
from importlib.resources import files
from pathlib import Path

import pytest

from maskloom.faces.labelling.page import KINDS, page_files


def test_every_file_of_the_page_is_served_with_its_kind(page):
    folder = Path(str(files("maskloom") / "web"))
    wanted = [
        path for path in folder.rglob("*") if path.suffix in KINDS and "_" not in path.name[:1]
    ]
    assert len(wanted) > 3
    for path in wanted:
        answer = page.get("/" + path.relative_to(folder).as_posix())
        assert answer.status_code == 200, path
        assert answer.content == path.read_bytes()
        assert answer.headers["content-type"] == KINDS[path.suffix]
        assert answer.headers["cache-control"] == "no-cache"


def test_the_page_itself_has_nothing_inline(page):
    text = page.get("/").text
    assert text == page.get("/index.html").text
    assert "<script>" not in text
    assert "<style" not in text
    assert " style=" not in text
    assert " onclick" not in text


def test_a_file_that_the_browser_has_is_not_sent_again(page):
    first = page.get("/index.html")
    again = page.get("/index.html", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert page.get("/index.html", headers={"If-None-Match": '"x"'}).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/../errors.py", "/%2e%2e/errors.py", "/..%2ferrors.py", "/app/../../errors.py",
     "/app/%2e%2e/%2e%2e/errors.py", "//etc/passwd", "/%2fetc/passwd", "/etc/passwd", "/app",
     "/app/", "/index.html/", "/index.html%00.js", "/.hidden", "/index.html\\..\\..\\x",
     "/INDEX.HTML", "/file:///etc/passwd", "/__init__.py", "/web/index.html"],
)  # fmt: skip
def test_no_path_leads_out_of_the_table(page, path):
    answer = page.get(page.origin + path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert b"root:" not in answer.content


def test_only_files_of_known_kinds_are_in_the_table(tmp_path):
    for name in ("a.js", "b.py", ".env.json", "_draft.js", "d/e.css", "d/f.map", "index.html"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    assert set(page_files(tmp_path)) == {"", "index.html", "a.js", "d/e.css"}


def test_the_table_is_the_same_from_a_zipped_package(tmp_path):
    (tmp_path / "web/app").mkdir(parents=True)
    (tmp_path / "web/app/a.js").write_text("1")
    (tmp_path / "web/index.html").write_text("2")
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as file:
        file.write(tmp_path / "web/app/a.js", "web/app/a.js")
        file.write(tmp_path / "web/index.html", "web/index.html")
    with zipfile.ZipFile(tmp_path / "p.zip") as file:
        assert page_files(zipfile.Path(file, "web/")) == page_files(tmp_path / "web")


def test_a_folder_without_a_page_has_no_index(tmp_path):
    (tmp_path / "a.js").write_text("1")
    assert set(page_files(tmp_path)) == {"a.js"}
