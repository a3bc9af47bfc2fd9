"""Bad input of either side of `evaluate`: one error that says what, where, which value, what next."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from maskloom.faces.cli import main
from maskloom.formats.confidence import FOLDER

SIDES = ("truth", "predicted")
ANNOTATED = {"truth": "truth.json", "predicted": "predicted.json"}
AGAIN = "Copy it again"
SKIP = "leave such annotations out with --skip-bad"


def png(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(array, np.uint8)).save(path)


def cut(path, n):
    path.write_bytes(path.read_bytes()[:n])


@pytest.fixture
def maps(tmp_path):
    """Two class maps a side, of three classes; names lie apart."""
    rng = np.random.default_rng(0)
    for side in SIDES:
        for n in range(2):
            png(tmp_path / side / f"{n}.png", rng.integers(0, 3, (12, 16)))
    names = [{"id": i, "name": name} for i, name in enumerate("abc")]
    (tmp_path / "names.json").write_text(json.dumps({"categories": names}))
    return tmp_path


def square(side):
    return [[2, 3, 2 + side, 3, 2 + side, 13, 2, 13]]


def coco_truth():
    rows = [
        {"id": 10 + i, "image_id": i, "category_id": k, "iscrowd": 0, "segmentation": square(10),
         "bbox": [2, 3, 10, 10], "area": 100, "score": 0.7}
        for i, k in ((1, 3), (2, 7))
    ]  # fmt: skip
    return {
        "images": [{"id": i, "file_name": f"{i}.png", "width": 40, "height": 30} for i in (1, 2)],
        "categories": [{"id": 3, "name": "cat"}, {"id": 7, "name": "dog"}],
        "annotations": rows,
    }


@pytest.fixture
def coco(tmp_path):
    """A truth, the same as prediction, and a list of results."""
    for name in ANNOTATED.values():
        (tmp_path / name).write_text(json.dumps(coco_truth()))
    results = [
        {"image_id": i, "category_id": k, "score": 0.5 + i / 10, "segmentation": square(9)}
        for i, k in ((1, 3), (2, 7))
    ]
    (tmp_path / "results.json").write_text(json.dumps(results))
    return tmp_path


@pytest.fixture
def panoptic(tmp_path):
    """One image a side: sky and a cat."""
    ids = np.zeros((12, 16, 3), np.uint8)
    ids[:, :8, 0], ids[3:6, 9:14, 0] = 1, 2
    segments = [
        {"id": 1, "category_id": 1, "area": 96, "iscrowd": 0, "bbox": [0, 0, 8, 12]},
        {"id": 2, "category_id": 2, "area": 15, "iscrowd": 0, "bbox": [9, 3, 5, 3]},
    ]
    said = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 16, "height": 12}],
        "categories": [
            {"id": 1, "name": "sky", "isthing": 0}, {"id": 2, "name": "cat", "isthing": 1},
        ],
        "annotations": [{"image_id": 1, "file_name": "a.png", "segments_info": segments}],
    }  # fmt: skip
    for side in SIDES:
        png(tmp_path / side / "panoptic/a.png", ids)
        (tmp_path / side / "panoptic.json").write_text(json.dumps(said))
    return tmp_path


def edit(path, change):
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


@pytest.fixture
def refused(capsys):
    """Asserts that a call ends with one error that holds some words, and with nothing else."""

    def check(paths, *words, options=()):
        argv = ["evaluate", *map(str, paths), "--resamples", "0", *map(str, options)]
        assert main(argv) == 2
        said = capsys.readouterr()
        assert said.out == ""
        lines = [
            line for line in said.err.splitlines() if not line.startswith(("scoring:", "comp"))
        ]
        (line,) = lines
        assert line.startswith("maskloom evaluate: error: ")
        assert "internal error" not in line
        for word in words:
            assert str(word) in line
        assert line.endswith(".")

    return check


def sides(root):
    return [root / side for side in SIDES]


@pytest.fixture(params=SIDES)
def side(request):
    return request.param


def test_maps_of_two_sizes(maps, side, refused):
    png(maps / side / "1.png", np.zeros((12, 15)))
    refused(sides(maps), "error: 1: ", "differ in size", f"{'truth' if side == 'truth' else 'prediction'} 15 × 12 px", "Predict at the size")  # fmt: skip


@pytest.mark.parametrize(
    ("bytes_of", "words"),
    [
        (lambda whole: whole[:60], ("damaged or truncated",)),
        (lambda whole: b"", ("the image file is empty",)),
        (lambda whole: b"hello", ("not a PNG", "Copy it again or convert it")),
    ],
    ids=["truncated", "empty", "text"],
)
@pytest.mark.parametrize("what", ["map", "confidence", "panoptic"])
def test_pictures_that_are_none(request, what, bytes_of, words, refused):
    if what == "panoptic":
        root = request.getfixturevalue("panoptic")
        for side in SIDES:
            file = root / side / "panoptic/a.png"
            whole = file.read_bytes()
            file.write_bytes(bytes_of(whole))
            refused([root / s / "panoptic.json" for s in SIDES], file, *words, AGAIN,
                    options=["--task", "panoptic"])  # fmt: skip
            file.write_bytes(whole)
        return
    root = request.getfixturevalue("maps")
    if what == "confidence":
        rng = np.random.default_rng(0)
        file = with_confidence(root, rng.integers(0, 256, (12, 16)))
        file.write_bytes(bytes_of(file.read_bytes()))
        refused(sides(root), file, *words, AGAIN, options=["--taxonomy", root / "names.json"])
        return
    for side in SIDES:
        file = root / side / "1.png"
        whole = file.read_bytes()
        file.write_bytes(bytes_of(whole))
        refused(sides(root), file, *words, AGAIN)
        file.write_bytes(whole)


def with_confidence(root, sure):
    """The prediction as `predict` leaves it: masks, names, confidences."""
    masks = root / "predicted/masks"
    masks.mkdir()
    for n in range(2):
        (root / f"predicted/{n}.png").rename(masks / f"{n}.png")
    (root / "predicted/taxonomy.json").write_text((root / "names.json").read_text())
    file = root / "predicted" / FOLDER / "1.png"
    png(file, sure)
    return file


def test_confidence_beside_the_masks_is_scored(maps, capsys):
    with_confidence(maps, np.full((12, 16), 51))
    paths = [str(path) for path in sides(maps)]
    for n in range(2):
        (maps / f"truth/{n}.png").write_bytes((maps / f"predicted/masks/{n}.png").read_bytes())
    options = ["--taxonomy", str(maps / "names.json"), "--resamples", "0", "--json", "-"]
    assert main(["evaluate", *paths, *options]) == 0
    # All pixels of one sample are right, with a confidence of 0.2.
    found = json.loads(capsys.readouterr().out)["results"]["metrics"]
    assert found["ece"] == pytest.approx(0.8, abs=1e-6)


@pytest.mark.parametrize("shape", [(12, 15), (12, 16, 3)])
def test_a_confidence_of_another_size_or_in_colour(maps, shape, refused):
    file = with_confidence(maps, np.zeros(shape))
    refused(sides(maps), file, "not a confidence map of these labels", shape[1], "8-bit grey",
            options=["--taxonomy", maps / "names.json"])  # fmt: skip


def test_a_folder_that_is_not_there_or_empty(maps, side, refused):
    for file in (maps / side).iterdir():
        file.unlink()
    refused(sides(maps), maps / side, "the folder holds no files", "Check the path")
    (maps / side).rmdir()
    refused(sides(maps), maps / side, "no such file or folder", "Check the path")


def test_predictions_that_are_missing_or_of_other_names(maps, refused):
    (maps / "predicted/1.png").rename(maps / "predicted/x.png")
    refused(sides(maps), "no prediction for 1 of 2 samples: 1", "such as 0, x", "--missing empty")
    (maps / "predicted/0.png").rename(maps / "predicted/y.png")
    refused(sides(maps), "no prediction for 2 of 2 samples", "Check that both name the same")


def test_a_number_that_names_no_class(maps, side, refused):
    png(maps / side / "1.png", np.full((12, 16), 9))
    refused(sides(maps), maps / side / "1.png", "x=0, y=0", "(saw 9)", "Known ids: 0, 1, 2, 255",
            options=["--taxonomy", maps / "names.json"])  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, ("cannot read: No such file", "Check the path")),
        ("{cat", ("not valid JSON", AGAIN)),
        ("", ("not valid JSON", AGAIN)),
        ('{"classes": []}', ("no names of classes", "Write {")),
        ('{"categories": [{"id": 0, "name": "a"}, {"id": 0, "name": "b"}]}',
         ("a, b: two categories share the id 0", "Give each class an id of its own")),
        ('{"categories": [{"id": "x", "name": "a"}]}', ("wrong kind or id", "'x'", "whole number")),
    ],
)  # fmt: skip
def test_a_file_of_names_that_is_none(maps, text, words, refused):
    file = maps / "names.json"
    file.unlink() if text is None else file.write_text(text)
    refused(sides(maps), file, *words, options=["--taxonomy", file])


def test_names_for_sides_that_name_their_own(coco, refused):
    paths = [coco / "truth.json", coco / "results.json"]
    (coco / "names.json").write_text('{"categories": []}')
    refused(paths, "--taxonomy: both sides name their own classes", "--map OLD=NEW",
            options=["--taxonomy", coco / "names.json"])  # fmt: skip


def test_a_void_that_no_side_has(maps, refused):
    refused(sides(maps), "--void", "'sky'", "Known: 0, 1, 2", options=["--void", "sky"])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda file: file.write_text(""), ("the file is empty", "Copy or write it again")),
        (lambda file: cut(file, len(file.read_bytes()) - 30), ("not valid JSON", "byte", AGAIN)),
        (lambda file: file.unlink(), ("no such file or folder", "Check the path")),
        (lambda file: file.write_bytes(b"\xff\xfe\x00\x01" * 8),
         ("no labels of a known format here", "maskloom list formats")),
    ],
    ids=["empty", "truncated", "missing", "no text"],
)  # fmt: skip
@pytest.mark.parametrize("name", ["truth.json", "results.json"])
def test_files_that_are_no_json(coco, name, spoil, words, refused):
    spoil(coco / name)
    refused([coco / "truth.json", coco / "results.json"], coco / name, *words)


MASK = {"size": [20, 20], "counts": [0, 400]}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"image_id": 99}, ("image_id: no image has this id", "(saw 99)")),
        ({"image_id": None}, ("image_id: there is none",)),
        ({"category_id": 99}, ("category_id: no category has this id", "(saw 99)")),
        ({"category_id": None}, ("category_id: there is none",)),
        ({"score": float("nan")}, ("score: not a finite number", "(saw nan)")),
        ({"score": float("inf")}, ("score: not a finite number", "(saw inf)")),
        ({"score": -float("inf")}, ("score: not a finite number", "(saw -inf)")),
        ({"score": "0.9"}, ("score: not a finite number", "(saw '0.9')")),
        ({"score": True}, ("score: not a finite number", "(saw True)")),
        ({"score": [0.9]}, ("score: not a finite number", "(saw [0.9])")),
        ({"segmentation": MASK}, ("another size than the image", "[30, 40]", "[20, 20]")),
        ({"segmentation": {"size": [30, 40], "counts": "zz\u0001"}}, ("no run-length code",)),
        ({"segmentation": [[1, 2, 3]]}, ("an odd number of coordinates", "(saw 3)")),
    ],
)
def test_results_that_are_wrong(coco, change, words, refused):
    def spoil(results):
        for name, value in change.items():
            if value is None:
                del results[1][name]
            else:
                results[1][name] = value

    edit(coco / "results.json", spoil)
    paths = [coco / "truth.json", coco / "results.json"]
    refused(paths, coco / "results.json", "annotation", *words, SKIP)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1}', ("no labels of a known format here",)),
        ("[1, 2]", ("annotations[0]: not an object", "(saw 1)")),
        ("[[]]", ("annotations[0]: not an object",)),
    ],
)
def test_results_that_are_no_list_of_objects(coco, text, words, refused):
    (coco / "results.json").write_text(text)
    refused([coco / "truth.json", coco / "results.json"], coco / "results.json", *words)


def test_an_empty_list_of_results_finds_nothing(coco, capsys):
    (coco / "results.json").write_text("[]")
    argv = [str(coco / "truth.json"), str(coco / "results.json"), "--resamples", "0"]
    assert main(["evaluate", *argv, "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)["results"]
    assert found["provenance"]["task"] == "instance"
    assert found["metrics"]["ap"] == found["metrics"]["f1_50"] == 0.0


def test_results_that_stand_there_twice_are_false_alarms(coco, capsys):
    """As by pycocotools: a second mask of a found object is one too many."""
    edit(coco / "results.json", lambda results: results.extend(list(results)))
    argv = [str(coco / "truth.json"), str(coco / "results.json"), "--resamples", "0"]
    assert main(["evaluate", *argv, "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)["results"]
    assert found["metrics"]["f1_50"] == pytest.approx(2 / 3)


def test_a_list_of_results_as_truth(coco, refused):
    paths = [coco / "results.json", coco / "truth.json"]
    refused(paths, coco / "results.json", "a results list names no images", "from.like=")


def both(rows, i, **change):
    rows[i].update(change)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: both(d["annotations"], 1, image_id=99), ("annotation 12, image_id", "(saw 99)", SKIP)),
        (lambda d: both(d["annotations"], 1, category_id=99), ("annotation 12, category_id", "(saw 99)", SKIP)),
        (lambda d: both(d["annotations"], 1, id=11), ("two annotations share an id", "(saw 11)", SKIP)),
        (lambda d: both(d["annotations"], 1, score="0.9"), ("annotation 12, score", "'0.9'", SKIP)),
        (lambda d: both(d["annotations"], 1, score=float("nan")), ("annotation 12, score", "(saw nan)", SKIP)),
        (lambda d: both(d["images"], 1, id=1), ("image 1: two images share an id", "an id of its own")),
        (lambda d: both(d["categories"], 1, id=3), ("categories[1]: two categories share an id", "an id of its own")),
        (lambda d: d.pop("annotations"), ('no list "annotations"', "keys images, categories")),
    ],
)  # fmt: skip
def test_coco_files_that_are_wrong(coco, side, change, words, refused):
    edit(coco / ANNOTATED[side], change)
    refused([coco / name for name in ANNOTATED.values()], coco / ANNOTATED[side], *words)


def test_coco_images_of_two_sizes(coco, side, refused):
    edit(coco / ANNOTATED[side], lambda d: both(d["images"], 1, width=41))
    refused([coco / name for name in ANNOTATED.values()], "error: 2: ", "differ in size",
            "41 × 30 px", "40 × 30 px")  # fmt: skip


def test_a_class_that_the_truth_does_not_have(coco, side, refused):
    edit(coco / ANNOTATED[side], lambda d: both(d["categories"], 1, name="horse"))
    seen = "dog" if side == "truth" else "horse"
    refused([coco / name for name in ANNOTATED.values()], "error: 2: ", f"(saw '{seen}')",
            f"--map '{seen}=NAME'", "the truth has cat")  # fmt: skip


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: rows.pop(), ("segments_info lacks a segment of 15 px", "x=9, y=3", "(saw 2)", "--skip-bad")),
        (lambda rows: rows.append({**rows[1], "id": 5}), ("segment 5", "no pixel in a.png", "--skip-bad")),
        (lambda rows: both(rows, 1, id=1), ("two segments of one image share an id", "(saw 1)", "--skip-bad")),
        (lambda rows: both(rows, 1, category_id=9), ("segment 2, category_id", "(saw 9)", "--skip-bad")),
    ],
)  # fmt: skip
def test_panoptic_segments_that_are_wrong(panoptic, side, change, words, refused):
    file = panoptic / side / "panoptic.json"
    edit(file, lambda d: change(d["annotations"][0]["segments_info"]))
    paths = [panoptic / s / "panoptic.json" for s in SIDES]
    refused(paths, file, "image 1", *words, options=["--task", "panoptic"])


def test_panoptic_maps_that_are_missing_or_of_another_size(panoptic, side, refused):
    paths = [panoptic / s / "panoptic.json" for s in SIDES]
    options = ["--task", "panoptic"]
    png(panoptic / side / "panoptic/a.png", np.ones((12, 15, 3)))
    refused(paths, paths[SIDES.index(side)], "15 × 12 px", "16 × 12 px", "Pair it", options=options)
    (panoptic / side / "panoptic/a.png").unlink()
    refused(paths, "the PNG map is not there", "a.png", "from.masks=FOLDER", options=options)


def test_panoptic_segments_that_overlap(coco, side, refused):
    def doubled(data):
        data["annotations"].append({**data["annotations"][0], "id": 50})

    edit(coco / ANNOTATED[side], doubled)
    whose = "truth" if side == "truth" else "prediction"
    refused([coco / name for name in ANNOTATED.values()], f"segments of the {whose} overlap",
            "by 100 pixels", "cat (instance 1) and cat (instance 2) at x=2, y=3",
            "--task instance", options=["--task", "panoptic"])  # fmt: skip
