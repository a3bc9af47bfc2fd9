"""What tools keep beside the labels that are read has the new names, too: judged by json and re."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import SimpleITK
from PIL import Image

from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.rename import renamed
from maskloom.formats.transfer import transfer

PAIRS = {
    "swap": (("car=bike", "bike=car"), {"car": "bike", "bike": "car"}),
    "joined": (("car=bike",), {"car": "bike"}),
    "named": (("car=auto",), {"car": "auto"}),
}


@pytest.fixture(params=sorted(PAIRS))
def how(request):
    return PAIRS[request.param]


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(path)


def convert(source, name, pairs):
    target = source.parent / "out"
    done = transfer(renamed(read_dataset(source, name), pairs), target, load_format(name))
    assert done.written, done.losses
    return target


def square(x):
    return [[x, 2], [x + 6, 2], [x + 6, 9], [x, 9]]


def test_supervisely_says_one_class_by_title_number_and_tag(tmp_path, how):
    pairs, names = how
    root = tmp_path / "in"
    picture(root / "ds0/img/a.png")
    listed = [
        {"title": title, "id": number, "shape": "any", "color": color, "hotkey": ""}
        for title, number, color in (("car", 11, "#FF0000"), ("bike", 22, "#00FF00"))
    ]
    tag = {"name": "t", "value_type": "none", "color": "#000000", "classes": ["car"]}
    (root / "meta.json").write_text(json.dumps({"classes": listed, "tags": [tag]}))
    common = {"tags": [], "description": ""}
    shapes = [
        {"id": i, "classId": c, "classTitle": t, "geometryType": "polygon", **common,
         "points": {"exterior": square(20 * i), "interior": []}}
        for i, (c, t) in enumerate([(11, "car"), (22, "bike")])
    ]  # fmt: skip
    cuboid = {"id": 9, "classId": 11, "classTitle": "car", "geometryType": "cuboid", **common}
    data = {"tags": [], "size": {"height": 40, "width": 60}, "objects": [*shapes, cuboid]}
    (root / "ds0/ann").mkdir()
    (root / "ds0/ann/a.png.json").write_text(json.dumps(data))
    out = convert(root, "supervisely", pairs)
    meta = json.loads((out / "meta.json").read_text())
    titles = {one["id"]: one["title"] for one in meta["classes"]}
    assert len(titles) == len(meta["classes"])
    told = json.loads((out / "ds0/ann/a.png.json").read_text())["objects"]
    wanted = [names.get(n, n) for n in ("car", "bike", "car")]
    assert [one["classTitle"] for one in told] == wanted
    assert [titles[one["classId"]] for one in told] == wanted
    assert meta["tags"][0]["classes"] == [wanted[0]]


def test_label_studio_renames_what_others_drew(tmp_path, how):
    pairs, names = how
    root = tmp_path / "in"
    picture(root / "images/a.png")

    def region(name, label, x):
        value = {"points": [[a, b] for a, b in square(x)], "polygonlabels": [label]}
        sides = {"original_width": 60, "original_height": 40, "image_rotation": 0}
        return {"id": name, "type": "polygonlabels", "value": value, "to_name": "image",
                "from_name": "label", **sides}  # fmt: skip

    said = [region("a", "car", 5), region("b", "bike", 40)]
    scene = {"id": "s", "type": "choices", "value": {"choices": ["car"]}, "to_name": "image"}
    task = {
        "id": 1,
        "data": {"image": "images/a.png"},
        "annotations": [
            {"id": 1, "result": [*said, {**scene, "from_name": "scene"}]},
            {"id": 2, "was_cancelled": True, "result": [region("c", "car", 5)]},
        ],
        "predictions": [{"id": 5, "result": [region("d", "car", 5)]}],
    }
    (root / "tasks.json").write_text(json.dumps([task]))
    out = json.loads((convert(root, "labelstudio", pairs) / "tasks.json").read_text())[0]
    found = {
        one["id"]: one["value"].get("polygonlabels") or one["value"]["choices"]
        for entry in (*out["annotations"], *out["predictions"])
        for one in entry["result"]
    }
    wanted = {"a": "car", "b": "bike", "c": "car", "d": "car"}
    assert found == {"s": ["car"], **{k: [names.get(v, v)] for k, v in wanted.items()}}


def test_datumaro_renames_and_renumbers_what_is_not_read(tmp_path, how):
    pairs, names = how
    root = tmp_path / "in"
    picture(root / "images/a.png")
    (root / "annotations").mkdir()
    listed = ["car", "bike", "cat"]
    common = {"attributes": {}, "group": 0}
    shapes = [
        {"id": i, "type": "polygon", "label_id": i, "z_order": 0, **common,
         "points": [v for point in square(18 * i) for v in point]}
        for i in range(3)
    ]  # fmt: skip
    cuboids = [{"id": 5 + i, "type": "cuboid_3d", "label_id": i, **common} for i in (0, 2)]
    categories = {
        "label": {
            "label_groups": [{"name": "g", "group_type": "exclusive", "labels": listed}],
            "labels": [{"name": n, "parent": "", "attributes": [n + "s"]} for n in listed],
        },
        "points": {"items": [{"label_id": i, "labels": [listed[i]], "joints": []} for i in (0, 2)]},
    }
    image = {"path": "a.png", "size": [40, 60]}
    item = {"id": "a", "annotations": [*shapes, *cuboids], "attr": {}, "image": image}
    data = {"info": {}, "categories": categories, "items": [item]}
    (root / "annotations/default.json").write_text(json.dumps(data))
    out = json.loads((convert(root, "datumaro", pairs) / "annotations/default.json").read_text())
    labels = out["categories"]["label"]["labels"]
    told = {a["id"]: labels[a["label_id"]]["name"] for a in out["items"][0]["annotations"]}
    wanted = {0: "car", 1: "bike", 2: "cat", 5: "car", 7: "cat"}
    assert told == {k: names.get(v, v) for k, v in wanted.items()}
    groups = out["categories"]["label"]["label_groups"][0]["labels"]
    assert set(groups) == {one["name"] for one in labels}
    joints = {
        labels[p["label_id"]]["name"]: p["labels"] for p in out["categories"]["points"]["items"]
    }
    assert joints == {names.get("car", "car"): ["car"], "cat": ["cat"]}
    first = next(one for one in labels if one["name"] == names["car"])
    assert first["attributes"] == (["bikes"] if "bike" not in names and "bike" in names.values() else ["cars"])  # fmt: skip


CVAT = """<annotations><version>1.1</version><meta><task><name>x</name><labels>
<label><name>car</name><color>#ff0000</color><type>any</type><attributes><attribute>
<name>wheels</name><mutable>True</mutable><input_type>number</input_type>
<default_value>0</default_value><values>0;9;1</values></attribute></attributes></label>
<label><name>bike</name><color>#00ff00</color><type>any</type><attributes></attributes></label>
</labels></task></meta><image id="0" name="a.png" width="60" height="40">
<polygon label="car" source="manual" occluded="0" points="2,2;8,2;8,9;2,9" z_order="0"></polygon>
<polygon label="bike" source="manual" occluded="0" points="20,2;28,2;28,9" z_order="0"></polygon>
<skeleton label="car" source="manual" z_order="0"></skeleton>
<tag label="car" source="manual"></tag></image></annotations>"""


def test_cvat_renames_shapes_that_are_not_read_and_definitions_but_no_tags(tmp_path, how):
    pairs, names = how
    root = tmp_path / "in"
    picture(root / "images/a.png")
    (root / "annotations.xml").write_text(CVAT)
    text = (convert(root, "cvat", pairs) / "annotations.xml").read_text()
    told = re.findall(r'<(polygon|skeleton|tag) [^>]*?label="(\w+)"', text)
    wanted = [("polygon", "car"), ("polygon", "bike"), ("skeleton", "car")]
    assert told == [*((kind, names.get(n, n)) for kind, n in wanted), ("tag", "car")]
    colors = dict(re.findall(r"<name>(\w+)</name>\s*<color>([^<]*)", text))
    if names != {"car": "bike"}:
        assert colors[names["car"]] == "#ff0000"
        assert "<values>0;9;1</values>" in text


def test_via_offers_the_new_names(tmp_path, how):
    pairs, names = how
    root = tmp_path / "in"
    picture(root / "a.png")
    regions = [
        {"shape_attributes": {"name": "polygon", "all_points_x": [x, x + 6, x + 6],
                              "all_points_y": [2, 2, 9]}, "region_attributes": {"type": name}}
        for x, name in ((2, "car"), (20, "bike"))
    ]  # fmt: skip
    entry = {"filename": "a.png", "size": 9, "regions": regions, "file_attributes": {}}
    choices = {"type": "dropdown", "description": "", "options": {"car": "c", "bike": "b"}}
    project = {
        "_via_settings": {},
        "_via_img_metadata": {"a.png9": entry},
        "_via_attributes": {"region": {"type": choices}, "file": {}},
        "_via_data_format_version": "2.0.10",
        "_via_image_id_list": ["a.png9"],
    }
    (root / "via_project.json").write_text(json.dumps(project))
    out = json.loads((convert(root, "via", pairs) / "via_project.json").read_text())
    told = next(iter(out["_via_img_metadata"].values()))["regions"]
    used = [one["region_attributes"]["type"] for one in told]
    assert used == [names.get(n, n) for n in ("car", "bike")]
    assert set(out["_via_attributes"]["region"]["type"]["options"]) == set(used)


@pytest.mark.parametrize("pairs", [(), ("car=auto",)])
def test_voc_keeps_parts_and_actions_of_its_label_map(tmp_path, pairs):
    root = tmp_path / "in"
    picture(root / "JPEGImages/a.jpg")
    (root / "SegmentationClass").mkdir()
    values = np.zeros((40, 60), np.uint8)
    values[3:9, 4:20] = 1
    Image.fromarray(values).save(root / "SegmentationClass/a.png")
    lines = ["background:0,0,0::", "car:128,0,0:door,wheel:", "bike:0,128,0::ride:stop"]
    (root / "labelmap.txt").write_text("\n".join(lines))
    target = convert(root, "voc", pairs)
    written = (target / "labelmap.txt").read_text().splitlines()[1:]
    car = "auto" if pairs else "car"
    assert written == [
        "background:0,0,0::",
        f"{car}:128,0,0:door,wheel:",
        "bike:0,128,0::ride:stop",
    ]
    told = transfer(read_dataset(root, "voc"), tmp_path / "b", load_format("bitmap")).losses
    assert [(loss.kind, loss.named) for loss in told] == [
        ("fields", "of the data set: parts:actions")
    ]


def test_a_renamed_segment_of_slicer_keeps_its_tags_and_an_empty_one_is_there(tmp_path):
    values = np.zeros((2, 4, 5), np.uint8)
    values[:, 1:3, 1:3] = 7
    image = SimpleITK.GetImageFromArray(values)
    said = {"Name": "liver", "LabelValue": "7", "Layer": "0", "Tags": "Type:organ|", "ID": "S1"}
    empty = {"Name": "cyst", "LabelValue": "9", "Layer": "0", "Tags": "Type:lesion|", "ID": "S2"}
    for number, fields in enumerate((said, empty)):
        for key, text in fields.items():
            image.SetMetaData(f"Segment{number}_{key}", text)
    (tmp_path / "in").mkdir()
    SimpleITK.WriteImage(image, str(tmp_path / "in/a.seg.nrrd"))
    target = convert(tmp_path / "in", "nrrd", ("liver=hepar", "cyst=bubble"))
    back = SimpleITK.ReadImage(str(next(target.rglob("*.seg.nrrd"))))
    assert (SimpleITK.GetArrayFromImage(back) == values).all()
    found = [
        {key: back.GetMetaData(f"Segment{n}_{key}") for key in ("Name", "LabelValue", "Tags", "ID")}
        for n in range(2)
    ]
    assert [tuple(one.values()) for one in found] == [
        ("hepar", "7", "Type:organ|", "S1"),
        ("bubble", "9", "Type:lesion|", "S2"),
    ]
