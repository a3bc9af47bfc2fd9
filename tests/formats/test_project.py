"""Every command that takes data takes a project, a layer of one, and that at a revision."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from maskloom.errors import DataError, FormatError, UsageError
from maskloom.formats.detect import detect_format, find_format, is_there, read_dataset
from maskloom.inference.sources import find_images, read_options
from maskloom.store.project import Project
from maskloom.verbs.check import check
from maskloom.verbs.convert import convert
from maskloom.verbs.evaluate import evaluate
from maskloom.verbs.predict import predict

from .conftest import NUCLEUS, dataset_of, objects, write_photo


@pytest.fixture
def made(tmp_path, nuclei):
    """A project of the nuclei in main, and fewer of them in gold."""
    with Project.create(tmp_path / "p") as project:
        project.add(nuclei, "main")
        project.add(nuclei.select(["im0"]), "gold")
        return project.root


@pytest.mark.parametrize("kind", [str, Path])
@pytest.mark.parametrize(
    ("tail", "n"), [("", 3), ("::main", 3), ("::gold", 1), ("::main#3", 3), ("::gold#4", 1)]
)
def test_an_address_is_read_as_the_layer_it_names(made, nuclei, kind, tail, n):
    address = kind(f"{made}{tail}")
    assert is_there(address)
    assert detect_format(address).name == "project"
    dataset = read_dataset(address)
    assert len(dataset) == n
    if n == 3:
        assert dataset.content_hash() == nuclei.content_hash()
        assert read_dataset(address, split="val").samples[0].key == "im2"


@pytest.mark.parametrize(
    ("tail", "error", "match"),
    [
        ("::gold#2", DataError, "no labels yet.*: main, gold"),
        ("::main#99", UsageError, "no such revision"),
        ("::model/x@ab", UsageError, "no such layer"),
        ("::a#b", UsageError, "revision"),
        ("::../x", UsageError, "not a name for a layer"),
        ("::by/ann", DataError, "no labels yet"),
    ],
)
def test_an_address_that_names_nothing_is_refused(made, tail, error, match):
    with pytest.raises(error, match=match):
        read_dataset(f"{made}{tail}")


def test_an_address_of_no_project_is_refused(tmp_path):
    for path in (tmp_path / "nix::main", "nix::main#3"):
        assert not is_there(path)
        with pytest.raises(FormatError, match=r"no such project.*init"):
            detect_format(path)
        with pytest.raises(FormatError, match="no such project"):
            read_dataset(path, "coco")
    with pytest.raises(UsageError, match="no such project"):
        read_dataset(tmp_path, "project")


def test_a_folder_with_colons_in_its_name_is_a_folder(tmp_path, nuclei):
    root = tmp_path / "a::b"
    convert_source(nuclei, root)
    assert find_format(root).name == "coco"
    assert len(read_dataset(root)) == 3


def convert_source(dataset, root):
    from maskloom.formats.detect import load_format
    from maskloom.formats.transfer import transfer

    assert transfer(dataset, root, load_format("coco")).written


def test_images_are_looked_for_elsewhere(made, tmp_path):
    (tmp_path / "photos").rename(tmp_path / "moved")
    assert not read_dataset(made).samples[0].image.path.is_file()
    again = read_dataset(made, images=tmp_path / "moved")
    assert [s.image.path for s in again.samples] == [
        tmp_path / "moved" / f"im{i}.png" for i in range(3)
    ]


def test_labels_are_grouped_by_an_expression(made):
    dataset = read_dataset(made, settings=("group=im([0-9])",))
    assert [s.group for s in dataset.samples] == ["0", "1", "2"]


def test_every_command_takes_an_address(made, tmp_path):
    assert check(Path(f"{made}::main")).results["samples"] == 3
    scores = evaluate(made, Path(f"{made}::main#3")).results["metrics"]
    assert scores["miou"] == 1.0
    assert convert(Path(f"{made}::gold"), tmp_path / "c", to="coco").results["images"] == 1
    with pytest.raises(UsageError, match="inside the source"):
        convert(Path(f"{made}::gold"), made / "c", to="coco")
    done = predict(str(made), model="otsu", out=tmp_path / "predicted")
    assert done.results["images"] == 3


def test_images_without_labels_are_predicted_too(tmp_path):
    path = tmp_path / "photos" / "new.png"
    write_photo(path)
    write_photo(tmp_path / "photos" / "old.png")
    labelled = dataset_of(NUCLEUS, {"old": objects([np.eye(24, 32, dtype=bool)])})
    with Project.create(tmp_path / "p") as project:
        from maskloom.formats.bare import bare_images
        from maskloom.store.project.imports import add_samples

        add_samples(project, bare_images(tmp_path / "photos")[0])
        project.add(labelled, "main")
    assert [s.key for s in read_dataset(tmp_path / "p").samples] == ["old"]
    for source in (str(tmp_path / "p"), f"{tmp_path / 'p'}::main"):
        found = find_images(source)
        assert [s.key for s in found.samples] == ["new", "old"]
        assert found.taxonomy.keys == ("nucleus",)
        assert read_options(source, None).__name__ == "Read"
