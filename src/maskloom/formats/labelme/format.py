"""LabelMe: one JSON file beside each image, and the XML of the old web tool, which is read only.

What a file says is `annotation_json.py` (XML `annotation_xml.py`), writing is `write.py`.

Source: files of github.com/wkentaro/labelme 3 to 5; LabelMe web tool (Russell et al. 2008).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from maskloom.core.dataset import Dataset
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import FormatError
from maskloom.formats.base import Format, ReadOptions
from maskloom.formats.coco.file import json_ends
from maskloom.formats.kept import Facts, Kept
from maskloom.formats.labelme import write as labelme_write
from maskloom.formats.labelme.annotation_json import (
    IGNORE,
    LabelMeFile,
    listed_names,
    parse_file,
    tags_of,
)
from maskloom.formats.labelme.annotation_xml import looks_like_xml, xml_dataset
from maskloom.formats.labelme.image import embedded_size, extracted
from maskloom.formats.shared.class_names import some_name
from maskloom.formats.shared.documents import (
    Document,
    dataset_of_documents,
    taxonomy_of_names,
    with_names,
)
from maskloom.formats.shared.folders import SIDE_FILE, is_marked, read_json, read_side_file
from maskloom.formats.shared.json_files import (
    files_like,
    is_there,
    placed_name,
    some_look_like,
)
from maskloom.formats.shared.left_out import left_out
from maskloom.formats.shared.told_splits import split_finder, with_told_splits
from maskloom.work.progress import track

LOOKS_FOR = 'JSON files with "shapes" and "imagePath", or XML with <annotation> and <polygon>'


@dataclass(frozen=True, slots=True)
class Read(ReadOptions):
    """How to read LabelMe."""

    rectangles: labelme_write.Rectangles = field(
        default="mask",
        metadata={"help": "what rectangles are: mask, as LabelMe exports them, or box"},
    )
    extract: Path | None = field(
        default=None,
        metadata={"help": "folder for images that are only in the JSON (imageData)"},
    )


def detect(path: Path) -> float:
    """Known by the keys of its JSON, by the elements of its XML, or by the side file."""
    if path.is_file():
        return 0.9 if path.suffix.lower() == ".json" and _looks(json_ends(path)) else 0.0
    if not path.is_dir():
        return 0.0
    if is_marked(path, '"kind": "labelme"'):
        return 1.0
    if some_look_like(path, _looks):
        return 0.85
    return 0.92 if looks_like_xml(path) else 0.0


def read(path: Path, options: Read, images: Path | None) -> Dataset:
    """The data set of a folder or of one JSON file.

    Raises:
        FormatError: no LabelMe files, or one that is invalid.
    """
    found = files_like(path, _looks)
    if not found:
        if path.is_dir() and looks_like_xml(path):
            return xml_dataset(path, options.rectangles, images, skip_bad=options.skip_bad)
        raise FormatError("no LabelMe files", where=path, hint=LOOKS_FOR)
    root = path if path.is_dir() else path.parent
    side = read_side_file(root)
    bad: list[str] = []
    files = _parsed(found, options, bad)
    names = listed_names(list(files.values()))
    taxonomy = (
        with_names(Taxonomy.from_json(side, where=root / SIDE_FILE), names, void=[IGNORE])
        if side
        else taxonomy_of_names(names, void=[IGNORE], fmt="labelme")
    )
    documents, lone = _documents(files, split_finder(side), root, options, images)
    notes = list(left_out(bad))
    if lone:
        notes.append(
            f"{lone} images are in their JSON only; --set from.extract=FOLDER writes them out"
        )
    dataset = dataset_of_documents(documents, taxonomy, path, images, fmt="labelme", warnings=notes)
    return with_told_splits(dataset, side)


def _looks(text: str) -> bool:
    """Whether the ends of a JSON file read like LabelMe's."""
    if not text.startswith("{") or '"_via_' in text:
        return False
    shapes = re.search(r'"shapes"\s*:\s*\[', text) or '"shape_type"' in text
    return bool(shapes) and any(f'"image{name}"' in text for name in ("Path", "Data", "Height"))


def _parsed(found: Mapping[str, Path], options: Read, bad: list[str]) -> dict[str, LabelMeFile]:
    """Every file, and in `bad` what was left out with --skip-bad."""

    def refuse(error: FormatError) -> None:
        if not options.skip_bad:
            raise error
        bad.append(error.message)

    files: dict[str, LabelMeFile] = {}
    for key, path in track(list(found.items()), "reading annotations", unit="files"):
        try:
            data = read_json(path)
            file = parse_file(path, data, boxes=options.rectangles == "box", refuse=refuse)
            if file.size is None and file.embedded:
                file = replace(file, size=embedded_size(data, path))
        except FormatError as error:
            refuse(error)
            continue
        files[key] = file
    return files


def _documents(
    files: Mapping[str, LabelMeFile],
    split: Callable[[str], str | None],
    root: Path,
    options: Read,
    images: Path | None,
) -> tuple[list[Document], int]:
    """One document per file, and how many images are nowhere but in their file."""
    documents: list[Document] = []
    lone = 0
    for key, file in files.items():
        name = placed_name(key, file.image_path, images or root)
        document = Document(
            name,
            file.path,
            file.shapes_in,
            file.size,
            split(key),
            key,
            extra=file.extra,
            tags=tags_of(file.extra),
        )
        if file.embedded and not is_there(images or root, name):
            if options.extract is None:
                lone += 1
            else:
                document = replace(document, image=extracted(file.path, key, options.extract))
        documents.append(document)
    return documents, lone


FORMAT = Format(
    "labelme",
    "LabelMe: a JSON file per image (polygons, masks, rectangles, circles); old XML is read",
    labelme_write.HOLDS,
    LOOKS_FOR,
    Read,
    labelme_write.Write,
    detect,
    read,
    labelme_write.writer,
    kept=Kept(("labelme",), Facts(notes=("labelme.version", "labelme.flags"), opened=("labelme",))),
    names=some_name,
)
