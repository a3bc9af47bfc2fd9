"""Names of classes come back exactly, or are refused before anything is written."""

from __future__ import annotations

import shlex
import unicodedata
from dataclasses import replace

import pytest

from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import FormatError, WriteError
from maskloom.formats import transfer as transfers
from maskloom.formats.compare import compare
from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.mapping import parse_renames
from maskloom.formats.rename import renamed
from maskloom.formats.transfer import transfer

from .test_spellings import WRITTEN, named_pixels, spelt

HOSTILE = {
    "blank before": "  lead",
    "blank behind": "tail ",
    "hard blank": "\u00a0lead",
    "tab": "a\tb",
    "newline": "a\nb",
    "return": "a\rb",
    "next line": "a\x85b",
    "control": "a\x01b",
    "long": "x" * 300,
    "colon": "a:b",
    "comma": "a,b",
    "equals": "a=b",
    "backslash": "a\\b",
    "hash": "# a",
    "none": "",
    "composed": unicodedata.normalize("NFC", "\u00e9"),
    "decomposed": unicodedata.normalize("NFD", "\u00e9"),
    "surrogate": "a\ud800",
    "background": "Background",
}


def first_that_writes(folder, name, names):
    """The source and what became of it, in the first form that the format takes."""
    fmt = load_format(name)
    told = []
    for form in ("objects", "ground", "classes"):
        source = spelt(folder / form, form, volume=2 not in fmt.dims, names=names)
        done = transfer(source, folder / form / "out", fmt)
        if done.written:
            return source, folder / form / "out"
        told.append([loss.kind for loss in done.refused])
    raise AssertionError(told)


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("what", HOSTILE)
def test_a_name_is_exact_or_refused_by_name(tmp_path, name, what):
    hostile = HOSTILE[what]
    twin = unicodedata.normalize("NFKC", hostile).strip()
    names = (hostile, "car" if twin in ("", hostile) else twin)
    refusal = None
    try:
        source, target = first_that_writes(tmp_path, name, names)
    except WriteError as error:
        refusal = error
    if refusal is None:
        back = read_dataset(target, name)
        assert named_pixels(back) == named_pixels(source)
        return
    assert f"the class {hostile[:40]!r}"[:-1] in refusal.what
    assert not list(tmp_path.rglob("out*"))
    # What the message says to do can be done.
    pair = shlex.split(refusal.hint.removeprefix("rename it with "))[1]
    assert parse_renames([pair]) == {hostile: "NEW"}
    source = renamed(spelt(tmp_path / "more", "objects", volume=False, names=names), [pair])
    assert [category.name for category in source.taxonomy] == ["NEW", names[1]]


@pytest.mark.parametrize("name", ["camvid", "cvat", "voc"])
@pytest.mark.parametrize("what", ["blank before", "blank behind"])
def test_formats_that_trim_names_refuse_them(tmp_path, name, what):
    with pytest.raises(WriteError, match="blanks at the ends"):
        first_that_writes(tmp_path, name, (HOSTILE[what], "car"))


def test_a_class_that_comes_back_under_another_name_is_a_loss_that_is_refused(
    tmp_path, monkeypatch
):
    source = spelt(tmp_path, "objects", volume=False, names=("lead", "car"))
    other = Taxonomy((Category("lead", " lead"), Category("car", "car")))

    def read(path, fmt):
        return replace(read_dataset(path, fmt), taxonomy=other)

    monkeypatch.setattr(transfers, "read_dataset", read)
    done = transfer(source, tmp_path / "out", load_format("coco"))
    assert [(loss.kind, loss.refused) for loss in done.losses] == [("names", True)]
    assert not done.written
    assert not (tmp_path / "out").exists()
    assert transfer(source, tmp_path / "out", load_format("coco"), allow_loss=True).written


def test_names_of_classes_that_no_label_has_are_not_compared(tmp_path):
    source = spelt(tmp_path, "objects", volume=False, names=("lead", "car"))
    more = Taxonomy((*source.taxonomy, Category("spare", "spare")))
    source = replace(source, taxonomy=more)
    other = Taxonomy((*more.categories[:2], Category("spare", "Spare")))
    found = compare(source, replace(source, taxonomy=other))
    assert (found.renamed, found.losses(), found.exact_objects) == (frozenset(), [], 2)
    other = Taxonomy((Category("lead", "Lead"), *more.categories[1:]))
    found = compare(source, replace(source, taxonomy=other))
    assert found.renamed == {("lead", "Lead")}
    assert found.where == {"names": ("a", 1)}


def cvat(path, *labels, declared):
    shapes = "".join(
        f'<polygon label="{label}" points="{x},2;{x + 5},2;{x + 5},9" occluded="0"/>'
        for x, label in zip((2, 12), labels, strict=False)
    )
    names = "".join(f"<label><name>{name}</name></label>" for name in declared)
    path.write_text(
        f"<annotations><meta><task><labels>{names}</labels></task></meta>"
        f'<image id="0" name="a.png" width="48" height="40">{shapes}</image></annotations>'
    )
    return path


def test_a_label_of_cvat_is_one_class_wherever_it_is_named(tmp_path):
    path = cvat(tmp_path / "a.xml", "  lead", "car", declared=["  lead", "\n car \n"])
    back = read_dataset(path, "cvat")
    assert [category.name for category in back.taxonomy] == ["lead", "car"]
    assert back.labels_of(back.samples[0]).rows.category.tolist() == [0, 1]


def test_labels_of_cvat_that_differ_in_outer_blanks_are_not_joined_in_silence(tmp_path):
    path = cvat(tmp_path / "a.xml", " lead", "lead", declared=["lead"])
    with pytest.raises(FormatError, match="differ in blanks"):
        read_dataset(path, "cvat")
