"""What `evaluate` says where numbers alone would mislead."""

from __future__ import annotations

import json

import numpy as np
import pytest

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Geometry, Labels, RowKind, Rows
from maskloom.core.masks import Masks
from maskloom.core.report import Report
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.metrics.conventions import CONVENTIONS
from maskloom.metrics.judging.align import compare
from maskloom.metrics.judging.explain import Move
from maskloom.metrics.judging.families import FAMILIES
from maskloom.metrics.judging.judge import Terms, judge
from maskloom.metrics.judging.settings import MetricSettings
from maskloom.metrics.objects.family import InstanceMetrics
from maskloom.metrics.objects.rows import objects_of
from maskloom.verbs.evaluate import evaluate
from maskloom.verbs.moves import Moves

ONE = Taxonomy.from_names(["a"])
IMAGE = {"id": 1, "file_name": "1.png", "height": 40, "width": 50}
TRUTH = {
    "images": [IMAGE],
    "categories": [{"id": 1, "name": "a"}],
    "annotations": [
        {
            "id": 1, "image_id": 1, "category_id": 1, "iscrowd": 0, "area": 100,
            "bbox": [5, 5, 10, 10], "segmentation": [[5, 5, 15, 5, 15, 15, 5, 15]],
        }
    ],
}  # fmt: skip


def scored(root, results, **options):
    for name, said in (("truth.json", TRUTH), ("found.json", results)):
        (root / name).write_text(json.dumps(said))
    return evaluate(root / "truth.json", root / "found.json", resamples=0, **options)


def test_boxes_without_masks_have_scores_of_boxes_alone(tmp_path):
    box = {"image_id": 1, "category_id": 1, "score": 0.9, "bbox": [5, 5, 10, 10]}
    found = scored(tmp_path, [box], task="instance", report=tmp_path / "r.html")
    metrics = found.results["metrics"]
    assert metrics["box_ap"] == 1.0
    assert {metrics[name] for name in ("ap", "f1_50", "aji", "miou", "boundary_ap")} == {None}
    assert found.results["reasons"]["ap"] == "no prediction has a mask"
    assert "breakdowns" not in found.results
    assert set(found.results["per_class"]["a"]) >= {"box_ap"}
    assert "Box AP is 1.000" in (tmp_path / "r.html").read_text()
    assert sum("without a mask" in note for note in found.warnings) == 1
    assert not any("no prediction" in note for note in found.warnings)
    assert "predicted_objects" not in found.results["per_class"]["a"]


def test_boxes_alone_have_neither_slices_nor_intervals_of_masks():
    ring = np.array([[2.0, 2.0], [8.0, 8.0]])
    dense = np.zeros((1, 12, 12), bool)
    dense[0, 2:8, 2:8] = True
    samples = [Sample(f"{i}", ImageRef(None, (12, 12)), tags={"w": "u"}) for i in range(8)]
    box = Rows.make(
        Masks.empty(1, (12, 12)), [0], kind=[int(RowKind.BOX)], score=[0.5],
        geometry=(Geometry((ring,), "box"),),
    )  # fmt: skip
    truth = Dataset(
        ONE, samples, lambda _: Labels((12, 12), Rows.make(Masks.from_dense(dense), [0]))
    )
    found = Dataset(ONE, samples, lambda _: Labels((12, 12), box))
    report = judge(truth, found, Terms("instance", by="w", resamples=20))
    assert report.per_slice["u"]["ap"] is None
    assert report.per_slice["u"]["box_ap"] == 1.0
    assert {name.split("_")[0] for name in report.intervals} == {"box"}


def test_images_without_a_prediction_are_counted(tmp_path):
    found = scored(tmp_path, [], task="instance")
    assert any("no prediction in 1 of 1 image" in note for note in found.warnings)


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (2.0, 1.0)])
def test_another_spacing_of_the_prediction_is_told(spacing):
    def side(own):
        sample = Sample("x", ImageRef(None, (2, 2), spacing=own, unit="mm"))
        labels = Labels((2, 2), class_map=np.zeros((2, 2), np.uint8))
        return Dataset(ONE, [sample], lambda _: labels)

    notes = judge(side((1.0, 1.0)), side(spacing)).notes
    assert any("differ in spacing" in note for note in notes) == (spacing != (1.0, 1.0))


def test_another_place_of_the_prediction_is_told():
    def side(shift):
        affine = ((1.0, 0.0, shift), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0))
        sample = Sample("x", ImageRef(None, (2, 2), affine=affine))
        return Dataset(
            ONE, [sample], lambda _: Labels((2, 2), class_map=np.zeros((2, 2), np.uint8))
        )

    assert not compare(side(5.0), side(5.001)).notes
    for origin in (5.0, 500_000.0):
        notes = compare(side(origin), side(origin + 1)).notes
        assert "differ in spacing, or in where" in notes[0]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"spacing": (1.0, 1.0), "unit": "mm"}, {"spacing": (1000.0, 1000.0), "unit": "um"}, True),
        ({"spacing": (1.0, 1.0), "unit": "mm"}, {"spacing": (1.0, 1.0), "unit": "um"}, False),
        ({"spacing": (1.0, 1.0)}, {}, True),
        ({"spacing": (1.0, 1.0)}, {"spacing": (1.0, 1.0, 1.0)}, True),
        ({"crs": "EPSG:32633"}, {"crs": "EPSG:32634"}, False),
        ({"crs": "EPSG:32633"}, {"crs": "EPSG:32633"}, True),
    ],
)
def test_units_and_systems_are_compared_as_what_they_mean(one, other, same):
    def side(said):
        sample = Sample("x", ImageRef(None, (2, 2), **said))
        return Dataset(
            ONE, [sample], lambda _: Labels((2, 2), class_map=np.zeros((2, 2), np.uint8))
        )

    assert (not compare(side(one), side(other)).notes) == same


@pytest.mark.parametrize(("most", "right"), [(0, 0.0), (1000, 1.0)])
def test_the_limit_of_lvis_can_be_set_and_is_told(most, right):
    made = FAMILIES["instances"].make(ONE, CONVENTIONS["lvis"], MetricSettings(max_detections=most))
    dense = np.zeros((401, 20, 20), bool)
    dense[:400, :3, :3] = True
    dense[400, 10:18, 10:18] = True
    truth = Rows.make(Masks.from_dense(dense[400:]), [0])
    score = np.where(np.arange(401) < 400, 0.99, 0.1)
    made.update(truth, Rows.make(Masks.from_dense(dense), np.zeros(401), score=score))
    assert made.result().metrics["ar_all"] == right


def test_the_best_score_to_cut_at_is_between_the_points_of_a_grid():
    dense = np.zeros((40, 60, 60), bool)
    for i in range(20):
        y, x = divmod(i, 10)
        dense[i, 6 * y : 6 * y + 4, 6 * x : 6 * x + 4] = True
        dense[20 + i, 30 + 6 * y : 34 + 6 * y, 6 * x : 6 * x + 4] = True
    metric = InstanceMetrics(ONE)
    score = np.where(np.arange(40) < 20, 0.005, 0.003)
    truth = Rows.make(Masks.from_dense(dense[:20]), np.zeros(20))
    metric.update(truth, Rows.make(Masks.from_dense(dense), np.zeros(40), score=score))
    (curve,) = [one for one in metric.result().curves if one.y_label.startswith("F1")]
    assert max(curve.y) == 1.0
    assert curve.note == "best 1.000 at 0.00500"


@pytest.mark.parametrize("least", [0.99951, 0.8766, 0.00123456, 12.5, -3.2, 1.0])
def test_the_score_to_cut_at_keeps_what_it_is_of(least):
    metric = InstanceMetrics(ONE)
    dense = np.zeros((1, 6, 6), bool)
    dense[0, 1:4, 1:4] = True
    rows = Rows.make(Masks.from_dense(dense), [0])
    metric.update(rows, Rows.make(Masks.from_dense(dense), [0], score=[least]))
    (curve,) = [one for one in metric.result().curves if one.y_label.startswith("F1")]
    said = float(curve.note.rsplit(" ", 1)[1])
    assert said <= least
    assert said == pytest.approx(least, rel=0.02)


@pytest.mark.parametrize(("name", "said"), [("coco", "of one class"), ("lvis", "than 2 objects")])
def test_a_limit_below_the_objects_of_an_image_is_told(name, said):
    made = FAMILIES["instances"].make(ONE, CONVENTIONS[name], MetricSettings(max_detections=2))
    dense = np.zeros((3, 9, 9), bool)
    for i in range(3):
        dense[i, 3 * i : 3 * i + 2] = True
    rows = Rows.make(Masks.from_dense(dense), np.zeros(3))
    made.update(rows, rows)
    assert any("capped in 1 image" in note and said in note for note in made.result().notes)


def test_scores_that_are_undefined_everywhere_did_not_move():
    moves = Moves((Move("ap", "maskloom", None, None, ()), Move("ap", "coco", None, None, ())))
    table = moves.tables()[0]
    assert not table.rows
    assert "the same under all that have rules for them: ap" in table.note


def test_what_a_file_says_of_an_object_stays_where_another_is_of_parts():
    dense = np.zeros((3, 8, 8), bool)
    dense[0, :2], dense[1, 3:5], dense[2, 6:] = True, True, True
    said = tuple({"area": 5000 + i} for i in range(3))
    rows = Rows.make(Masks.from_dense(dense), [0, 1, 0], instance=[7, 7, 9], source=said)
    assert objects_of(rows, (), stated=True).area.tolist() == [5000, 5001, 5002]
    parts = Rows.make(Masks.from_dense(dense), [0, 0, 0], instance=[7, 7, 9], source=said)
    assert objects_of(parts, (), stated=True).area.tolist() == [32, 5002]


def test_equal_scores_are_ordered_by_how_well_pixels_fit():
    rows = tuple({"key": k, "f1_50": 1.0, "miou": m} for k, m in (("a", 1.0), ("b", 0.6)))
    report = Report("t", "instance", {}, per_sample=rows, ranked_by="f1_50")
    assert [row["key"] for row in report.worst(2)] == ["b", "a"]


def test_frequencies_that_the_truth_does_not_tell_have_a_reason(tmp_path):
    found = scored(tmp_path, [], task="instance", metrics=("ap_rare",))
    assert found.results["metrics"]["ap_rare"] is None
    assert "frequency" in found.results["reasons"]["ap_rare"]


def test_scores_that_were_asked_for_are_told_of_classes(tmp_path):
    mask = {"image_id": 1, "category_id": 1, "score": 0.9, "bbox": [5, 5, 10, 10],
            "segmentation": [[5, 5, 15, 5, 15, 15, 5, 15]]}  # fmt: skip
    found = scored(tmp_path, [mask], task="instance", metrics=("ap50", "box_ap"))
    (table,) = [table for table in found.tables if table.title == "per class"]
    assert list(table.columns) == ["class", "ap50", "box_ap"]


def test_only_what_is_asked_for_is_resampled(tmp_path, monkeypatch):
    images = [{**IMAGE, "id": i, "file_name": f"{i}.png"} for i in range(8)]
    notes = [{**TRUTH["annotations"][0], "id": i + 1, "image_id": i} for i in range(8)]
    (tmp_path / "t.json").write_text(json.dumps({**TRUTH, "images": images, "annotations": notes}))
    calls = []
    plain = InstanceMetrics.resampled

    def seen(self, *given):
        calls.append(self.overlap.prefix)
        return plain(self, *given)

    monkeypatch.setattr(InstanceMetrics, "resampled", seen)
    evaluate(
        tmp_path / "t.json", tmp_path / "t.json", task="instance", metrics=("miou",), resamples=40
    )
    assert calls == []
    evaluate(
        tmp_path / "t.json", tmp_path / "t.json", task="instance", metrics=("box_ap",), resamples=40
    )
    assert calls == ["box_"]


def test_terms_that_name_a_score_almost_right_are_told_the_name():
    with pytest.raises(Exception, match="Did you mean dice"):
        maps = Dataset(
            ONE,
            [Sample("x", ImageRef(None, (1, 1)))],
            lambda _: Labels((1, 1), class_map=np.zeros((1, 1), np.uint8)),
        )
        judge(maps, maps, Terms(metrics=("Dice",)))
