"""Write a project of VIA 3 from the entries of VIA 2: files, views of one file, regions as numbers.

Classes are options of a select attribute; tags and other attributes are texts. What VIA 3 has no
place for (an ellipse that is turned, fields of other programs) the writer tells before. Reading
is in `files.py`.

Source: robots.ox.ac.uk/~vgg/software/via, _via_data.js, _via_attribute.js and _via_metadata.js.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from maskloom.formats.via.files import shape_fields

VERSION = "3.1.1"
_TEXT, _SELECT = 1, 4
_REGION, _FILE = "FILE1_Z0_XY1", "FILE1_Z0_XY0"
_IMAGE, _BESIDE = 2, 3  # the file lies where the address says, beside the program


def third_project(
    entries: Sequence[Mapping[str, Any]], attribute: str, classes: Sequence[str]
) -> dict[str, Any]:
    """The project as VIA 3 stores it.

    Args:
        entries: of images, as VIA 2 has them.
        attribute: of regions, that says the class.
        classes: names, in order.
    """
    numbers = {name: str(i) for i, name in enumerate(classes)}
    known: dict[tuple[str, str], str] = {(_REGION, attribute): "1"}
    metadata = {}
    for view, entry in enumerate(entries, 1):
        tags = entry["file_attributes"]
        told: list[tuple[list[float], str, Any]] = [([], _FILE, tags)] if tags else []
        told += [
            (numbers_of_shape(one["shape_attributes"]), _REGION, one["region_attributes"])
            for one in entry["regions"]
        ]
        for count, (xy, anchor, said) in enumerate(told, 1):
            values = {
                known.setdefault((anchor, name), str(len(known) + 1)): value
                for name, value in said.items()
            }
            if anchor == _REGION and attribute in said:
                values["1"] = numbers[said[attribute]]
            metadata[f"{view}_{count:06d}"] = {
                "vid": str(view), "flg": 0, "z": [], "xy": xy, "av": values,
            }  # fmt: skip
    views = [str(i) for i in range(1, len(entries) + 1)]
    return {
        "project": {
            "pid": "__VIA_PROJECT_ID__", "rev": "__VIA_PROJECT_REV_ID__",
            "rev_timestamp": "__VIA_PROJECT_REV_TIMESTAMP__", "pname": "maskloom",
            "creator": "maskloom", "created": 0, "data_format_version": VERSION,
            "vid_list": views,
        },
        "config": {
            "file": {"loc_prefix": {str(i): "" for i in range(1, 5)}},
            "ui": {"spatial_region_label_attribute_id": "1"},
        },
        "attribute": {
            number: _attribute(name, anchor, numbers if number == "1" else {})
            for (anchor, name), number in known.items()
        },
        "file": {
            view: {
                "fid": view, "fname": one["filename"], "type": _IMAGE, "loc": _BESIDE,
                "src": one["filename"],
            }
            for view, one in zip(views, entries, strict=True)
        },
        "metadata": metadata,
        "view": {view: {"fid_list": [view]} for view in views},
    }  # fmt: skip


def _attribute(name: str, anchor: str, numbers: Mapping[str, str]) -> dict[str, Any]:
    return {
        "aname": name,
        "anchor_id": anchor,
        "type": _SELECT if numbers else _TEXT,
        "desc": "",
        "options": {number: option for option, number in numbers.items()},
        "default_option_id": "",
    }


def numbers_of_shape(shape: Mapping[str, Any]) -> list[float]:
    """`shape_attributes` of VIA 2 as the numbers of VIA 3: kind, then coordinates.

    Args:
        shape: of any kind that VIA 2 draws.
    """
    kind, fields = shape_fields(shape["name"])
    if fields:
        return [kind, *(shape[field] for field in fields)]
    return [kind, *chain(*zip(shape["all_points_x"], shape["all_points_y"], strict=True))]
