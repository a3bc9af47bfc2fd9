from __future__ import annotations

import numpy as np
import pytest

from maskloom import registry
from maskloom.errors import FormatError, UsageError
from maskloom.formats.base import Format
from maskloom.formats.detect import detect_format, load_format, read_dataset

from .conftest import write_photo


@pytest.mark.parametrize("name", registry.FORMATS)
def test_every_registered_format_is_one_and_knows_its_name(name):
    fmt = load_format(name)
    assert isinstance(fmt, Format)
    assert fmt.name == name
    assert fmt.about == registry.FORMATS[name].about


def test_what_no_format_knows_is_refused_in_few_words(tmp_path):
    write_photo(tmp_path / "photo.png")
    with pytest.raises(FormatError) as caught:
        detect_format(tmp_path)
    assert "--from bitmap" in str(caught.value)
    assert "maskloom list formats" in str(caught.value)
    assert len(caught.value.message) < 500 + len(str(tmp_path))


def test_a_folder_one_level_too_high_names_the_one_below(nuclei, tmp_path):
    from maskloom.formats.transfer import transfer

    transfer(nuclei, tmp_path / "up/one", load_format("coco"))
    write_photo(tmp_path / "up/other/photo.png")
    with pytest.raises(FormatError) as caught:
        read_dataset(tmp_path / "up")
    said = f"{tmp_path / 'up/one'} looks like coco. Give that folder"
    assert said in str(caught.value)
    assert len(caught.value.message) < 500 + 3 * len(str(tmp_path))
    transfer(nuclei, tmp_path / "up/two", load_format("objects"))
    with pytest.raises(FormatError, match=r"up/two looks like objects\. Give one of those"):
        read_dataset(tmp_path / "up")


def test_maps_below_do_not_hide_a_data_set_that_says_more(nuclei, tmp_path):
    from maskloom.formats.transfer import transfer
    from maskloom.store.images import write_png

    transfer(nuclei, tmp_path / "up/set", load_format("coco"))
    for sample, labels in nuclei:
        write_png(tmp_path / f"up/set/masks/{sample.key}.png", np.zeros(labels.size, np.uint8))
    assert detect_format(tmp_path / "up/set").name == "coco"
    with pytest.raises(FormatError, match=r"up/set looks like coco.*--from bitmap"):
        detect_format(tmp_path / "up")
    assert read_dataset(tmp_path / "up", "bitmap").samples


def test_a_path_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FormatError, match="no such file or folder"):
        read_dataset(tmp_path / "nothing")
    with pytest.raises(FormatError, match="no such file or folder"):
        read_dataset(tmp_path / "nothing", "coco")


def test_unknown_names_options_and_splits_list_what_is_known(nuclei, tmp_path):
    from maskloom.formats.transfer import transfer

    transfer(nuclei, tmp_path / "o", load_format("objects"))
    with pytest.raises(UsageError, match=r"[Kk]nown formats"):
        read_dataset(tmp_path / "o", "cocoa")
    with pytest.raises(UsageError, match=r"from\.category"):
        read_dataset(tmp_path / "o", settings=["colour=red"])
    with pytest.raises(UsageError, match="Known splits: train, val"):
        read_dataset(tmp_path / "o", split="tset")


@pytest.mark.shared
@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("camvid", "camvid"),
        ("dsb2018", "objects"),
        ("pennfudan", "bitmap"),
        ("coco_mini", "coco"),
        ("coco_mini/instances_train2017.json", "coco"),
        ("camvid/valannot", "bitmap"),
        ("em_isbi2012", "bitmap"),
        ("fruits_nuts", "coco"),
    ],
)
def test_real_data_is_detected(shared, path, name):
    assert detect_format(shared / path).name == name
