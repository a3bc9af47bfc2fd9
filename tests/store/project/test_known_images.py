"""Labels of images that a project has under other names become labels of those images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.formats.coco_boxes import coco_boxes

from maskloom.errors import DataError
from maskloom.store.images import write_png
from maskloom.store.project import Project
from maskloom.verbs.import_ import import_


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """`a.png`, and in a folder another `a.png` and `b.png`."""
    for i, name in enumerate(("a", "sub/a", "sub/b")):
        write_png(tmp_path / f"src/{name}.png", np.full((9, 12), 40 * i, np.uint8))
    import_(tmp_path / "src", tmp_path / "p", from_="images")
    return tmp_path / "src"


def labels(path: Path, *names: str) -> Path:
    return coco_boxes(path, *names, size=(9, 12))


def areas(root: Path) -> dict[str, list[int]]:
    """Key → areas of its objects, of all samples that the layer main speaks of."""
    with Project.open(root) as project:
        data = project.dataset("main")
        return {s.key: data.labels_of(s).rows.masks.areas.tolist() for s in data.samples}


def test_the_file_decides_also_where_the_name_is_another_image(source, tmp_path):
    coco = labels(tmp_path / "l.json", "a.png", "b.png")
    outcome = import_(coco, tmp_path / "p", images=source / "sub")
    assert outcome.results["new_samples"] == 0
    assert areas(tmp_path / "p") == {"sub/a": [2], "sub/b": [4]}
    assert "2 of 2 images are in the project under other names, first 'a' as 'sub/a'" in (
        " ".join(outcome.warnings)
    )


def test_links_of_folders_lead_to_the_same_files(source, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "src")
    coco = labels(tmp_path / "l.json", "a.png", "b.png")
    assert import_(coco, tmp_path / "p", images=tmp_path / "link/sub").results["new_samples"] == 0
    import_(tmp_path / "link", tmp_path / "q", from_="images")
    assert import_(coco, tmp_path / "q", images=source / "sub").results["new_samples"] == 0
    assert areas(tmp_path / "p") == areas(tmp_path / "q") == {"sub/a": [2], "sub/b": [4]}


def test_images_that_are_not_at_hand_go_along_with_their_folder(source, tmp_path):
    coco = labels(tmp_path / "l.json", "b.png", "c.png")
    assert import_(coco, tmp_path / "p", images=source / "sub").results["new_samples"] == 1
    assert areas(tmp_path / "p") == {"sub/b": [2], "sub/c": [4]}


def test_names_that_the_project_has_stay_where_the_image_is_not_at_hand(source, tmp_path):
    coco = labels(tmp_path / "l.json", "a.png", "sub/b.png")
    assert import_(coco, tmp_path / "p").results["new_samples"] == 0
    assert areas(tmp_path / "p") == {"a": [2], "sub/b": [4]}


def test_two_images_of_the_labels_are_not_joined(source, tmp_path):
    (source / "sub/sub").mkdir()
    (source / "sub/sub/b.png").write_bytes((source / "sub/b.png").read_bytes())
    coco = labels(tmp_path / "l.json", "b.png", "sub/b.png")
    with pytest.raises(DataError, match=r"two images of the labels are one image .*b and sub/b"):
        import_(coco, tmp_path / "p", images=source / "sub")
    with Project.open(tmp_path / "p") as project:
        assert [s.key for s in project.samples()] == ["a", "sub/a", "sub/b"]
