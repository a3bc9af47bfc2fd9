from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Coverage, Labels, RowKind, Rows
from maskloom.core.masks import Masks
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import DataError, TaxonomyError, UsageError
from maskloom.metrics.conventions import CONVENTIONS
from maskloom.metrics.judging.judge import Terms, judge
from maskloom.metrics.judging.keep import keep_labels
from maskloom.metrics.judging.tables import report_tables

AB = Taxonomy.from_names(["a", "b"])


def dataset(labels, taxonomy=AB, *, name="d", tags=None, ids=None):
    """A data set of {key: Labels or class map}."""
    held = {
        k: v if isinstance(v, Labels) else Labels(np.shape(v), class_map=np.array(v, np.uint8))
        for k, v in labels.items()
    }
    samples = tuple(
        Sample(
            key, ImageRef(None), tags=(tags or {}).get(key, {}),
            extra={} if ids is None else {"coco": {"id": ids[key]}},
        )
        for key in held
    )  # fmt: skip
    return Dataset(taxonomy, samples, lambda sample: held[sample.key], name=name)


def boxes(*corners, category=0, size=(10, 10), coverage=None, **columns):
    dense = np.zeros((len(corners), *size), bool)
    for i, (x0, y0, x1, y1) in enumerate(corners):
        dense[i, y0:y1, x0:x1] = True
    masks = Masks.from_dense(dense) if corners else Masks.empty(0, size)
    rows = Rows.make(masks, np.broadcast_to(category, len(corners)), **columns)
    return Labels(size, rows=rows, coverage=coverage or Coverage())


def test_class_maps_are_scored_as_semantic_and_samples_ranked():
    truth = dataset({"x": [[0, 0], [1, 1]], "y": [[0, 0], [1, 1]]}, name="t")
    predicted = dataset({"x": [[0, 0], [1, 0]], "y": [[0, 0], [1, 1]]}, name="p")
    report = judge(truth, predicted)
    assert (report.task, report.title) == ("semantic", "p against t")
    assert report.metrics["pixel_accuracy"] == 7 / 8
    assert [row["key"] for row in report.worst(2)] == ["x", "y"]
    assert report.confusion.matrix.tolist() == [[4, 0, 0], [1, 3, 0]]
    assert "ap" not in report.metrics


def test_rows_are_scored_as_instances_with_pixel_scores_beside():
    report = judge(dataset({"x": boxes((0, 0, 4, 4))}), dataset({"x": boxes((0, 0, 4, 3))}))
    assert report.task == "instance"
    assert report.metrics["ap50"] == 1.0
    assert report.metrics["miou"] == 0.75
    assert report.per_class["a"]["ap"] == pytest.approx(0.6)
    assert report.per_class["a"]["iou"] == 0.75
    assert report.provenance["max_detections"] is None


def test_instances_asked_of_a_class_map_are_refused():
    maps = dataset({"x": [[0, 0]]})
    with pytest.raises(DataError, match=r"holds no instances.*task semantic"):
        judge(maps, maps, Terms(task="instance"))


def test_the_surest_prediction_is_the_class_of_a_pixel():
    truth = dataset({"x": boxes((0, 0, 4, 4))})
    predicted = dataset({"x": boxes((0, 0, 4, 4), (0, 0, 4, 4), category=[0, 1], score=[0.9, 0.1])})
    assert judge(truth, predicted).metrics["miou"] == 1.0


@pytest.mark.parametrize(("missing", "samples", "accuracy"), [("empty", 2, 0.5), ("skip", 1, 1.0)])
def test_samples_without_a_prediction_follow_the_policy(missing, samples, accuracy):
    truth = dataset({"x": [[0, 1]], "y": [[0, 1]]})
    predicted = dataset({"x": [[0, 1]], "z": [[0, 1]]})
    report = judge(truth, predicted, Terms(missing=missing))
    assert len(report.per_sample) == samples
    assert report.metrics["pixel_accuracy"] == accuracy
    assert any("1 sample without a prediction is" in note for note in report.notes)
    assert any("1 predicted sample is not among the" in note for note in report.notes)


def test_missing_predictions_are_named_up_to_five():
    truth = dataset({f"k{i}": [[0]] for i in range(8)})
    with pytest.raises(DataError, match=r"7 of 8 samples.*k1, k2, k3, k4, k5 and 2 more"):
        judge(truth, dataset({"k0": [[0]]}))


def test_no_common_sample_is_refused_even_where_missing_ones_are_allowed():
    with pytest.raises(DataError, match="both name the same images"):
        judge(dataset({"x": [[0]]}), dataset({"y": [[0]]}), Terms(missing="empty"))


def test_different_sizes_name_the_sample_and_both():
    with pytest.raises(DataError, match=r"^x: .*truth 2 × 1 px, prediction 3 × 1 px"):
        judge(dataset({"x": [[0, 0]]}), dataset({"x": [[0, 0, 0]]}))


def test_images_match_by_id_where_both_sides_have_ids():
    truth = dataset({"a/1": [[0, 1]], "a/2": [[1, 1]]}, ids={"a/1": 7, "a/2": 8})
    predicted = dataset({"2": [[1, 1]], "1": [[0, 1]]}, ids={"2": 8, "1": 7})
    assert judge(truth, predicted).metrics["miou"] == 1.0


def test_categories_match_by_name_whatever_their_order():
    predicted = dataset({"x": [[1, 0]]}, Taxonomy.from_names(["B", "a"]))
    assert judge(dataset({"x": [[0, 1]]}), predicted).metrics["miou"] == 1.0


def test_an_unknown_category_in_use_is_refused_until_it_is_mapped():
    truth = dataset({"x": [[0, 1]]})
    predicted = dataset({"x": [[0, 2]]}, Taxonomy.from_names(["a", "unused", "beta"]))
    with pytest.raises(TaxonomyError, match=r"beta.*--map"):
        judge(truth, predicted)
    assert judge(truth, predicted, Terms(renames={"beta": "b"})).metrics["miou"] == 1.0
    with pytest.raises(UsageError, match="the truth has no such category"):
        judge(truth, predicted, Terms(renames={"beta": "zzz"}))


def test_bare_ids_of_both_sides_make_one_taxonomy():
    truth = dataset({"x": [[0, 0]]}, Taxonomy.from_names(["3"]))
    predicted = dataset({"x": [[1, 0]]}, Taxonomy.from_names(["2", "3"]))
    report = judge(truth, predicted)
    assert list(report.per_class) == ["2", "3"]
    assert report.metrics["miou"] == 0.25


def test_a_category_that_is_void_here_counts_nowhere_and_there_is_a_miss():
    taxonomy = Taxonomy((Category("a", "a"), Category("b", "b", void=True)))
    truth = dataset({"x": boxes((0, 0, 5, 10), (5, 0, 10, 10), category=[0, 1])}, taxonomy)
    report = judge(truth, truth, Terms(task="semantic"))
    assert report.confusion.matrix.tolist() == [[50, 0]]
    swapped = dataset({"x": boxes((0, 0, 10, 10), category=1)}, taxonomy)
    assert judge(truth, swapped, Terms(task="semantic")).metrics["miou"] == 0.0


def test_nothing_outside_coverage_is_judged():
    area = boxes((0, 0, 5, 10)).rows.masks
    truth = dataset({"x": boxes((0, 0, 4, 4), coverage=Coverage(area=area))})
    predicted = dataset({"x": boxes((6, 0, 9, 9), (0, 0, 4, 4), score=[0.9, 0.5])})
    report = judge(truth, predicted)
    assert report.metrics["ap"] == 1.0
    assert report.metrics["miou"] == 1.0


def test_slices_are_scored_apart_and_add_up():
    tags = {"x": {"site": "north"}, "y": {"site": "south"}, "z": {}}
    truth = dataset({"x": [[0, 1]], "y": [[0, 1]], "z": [[0, 1]]}, tags=tags)
    predicted = dataset({"x": [[0, 1]], "y": [[1, 0]], "z": [[0, 0]]})
    report = judge(truth, predicted, Terms(by="site"))
    assert report.per_slice["north"]["miou"] == 1.0
    assert report.per_slice["south"]["miou"] == 0.0
    assert report.per_slice["(none)"]["samples"] == 1
    assert report.metrics == judge(truth, predicted).metrics
    with pytest.raises(UsageError, match="Known: group, sequence, site"):
        judge(truth, predicted, Terms(by="device"))


def test_only_the_metrics_asked_for_are_reported():
    maps = dataset({"x": [[0, 1]]})
    assert judge(maps, maps, Terms(metrics=("dice", "miou"))).metrics == {"miou": 1.0, "dice": 1.0}
    with pytest.raises(UsageError, match=r"saw 'ap'.*task instance"):
        judge(maps, maps, Terms(metrics=("ap",)))
    with pytest.raises(UsageError, match="Did you mean miou"):
        judge(maps, maps, Terms(metrics=("iou2",)))


def test_file_areas_decide_sizes_only_under_the_coco_convention():
    truth = dataset({"x": boxes((0, 0, 4, 4), source=[{"area": 5000.0}])})
    maskloom = judge(truth, truth)
    coco = judge(truth, truth, Terms(convention=CONVENTIONS["coco"]))
    assert (maskloom.metrics["ap_small"], maskloom.metrics["ap_medium"]) == (1.0, None)
    assert (coco.metrics["ap_small"], coco.metrics["ap_medium"]) == (None, 1.0)


def test_tables_show_scores_classes_and_the_worst():
    truth = dataset({"x": [[0, 0]], "y": [[0, 1]]})
    tables = report_tables(judge(truth, dataset({"x": [[0, 1]], "y": [[0, 1]]})), worst=1)
    titles = [table.title for table in tables]
    assert (titles[:2], titles[-1]) == (["d against d", "per class"], "worst samples")
    assert "Regions" in titles[2:-1]
    assert tables[-1].rows[0][0] == "x"


def test_the_long_name_of_a_sample_is_cut_at_its_front():
    name = "folder/" + "0" * 60 + "end"
    truth = dataset({name: [[0, 0]], "y": [[0, 1]]})
    worst = report_tables(judge(truth, truth))[-1]
    (cut,) = [row[0] for row in worst.rows if row[0] != "y"]
    assert (len(cut), cut[0], cut[-3:]) == (40, "…", "end")
    assert "--json" in worst.note


def test_kept_labels_are_read_once_within_the_room_and_again_beyond():
    reads = []
    data = dataset({"x": [[0, 1]], "y": [[0, 1]]})
    counted = replace(data, labels_of=lambda s: (reads.append(s.key), data.labels_of(s))[1])
    kept = keep_labels(counted, room_bytes=2)
    for _ in range(3):
        list(kept)
    assert (reads.count("x"), reads.count("y")) == (1, 3)


def named(data, names):
    """The data set with file names, {key: name}."""
    samples = tuple(replace(s, file_name=names[s.key]) for s in data.samples)
    return replace(data, samples=samples)


def test_ids_that_name_other_images_do_not_match_samples():
    truth = dataset({"a": [[0, 1]], "b": [[1, 1]]}, ids={"a": 2, "b": 1})
    predicted = dataset({"a": [[0, 1]], "b": [[1, 1]]}, ids={"a": 1, "b": 2})
    names = {"a": "a.jpg", "b": "b.jpg"}
    report = judge(named(truth, names), named(predicted, {"a": "a.png", "b": "b.png"}))
    assert report.metrics["miou"] == 1.0
    assert judge(named(truth, names), predicted).metrics["miou"] < 1.0


def test_drawings_without_a_mask_are_told_on_both_sides():
    kind = [RowKind.MASK, RowKind.BOX]
    both = dataset({"x": boxes((0, 0, 4, 4), (5, 5, 9, 9), kind=kind)})
    only = dataset({"x": boxes((0, 0, 4, 4))})
    report = judge(both, only)
    assert any(note.startswith("1 drawing of the truth") for note in report.notes)
    report = judge(only, both)
    assert any(note.startswith("1 drawing of the prediction") for note in report.notes)
    assert not any("drawing" in note for note in judge(only, only).notes)


def test_a_rename_whose_old_name_is_no_category_is_refused():
    truth = dataset({"x": [[0, 1]]})
    with pytest.raises(UsageError, match=r"prediction has no such category \(saw 'bb'\)"):
        judge(truth, truth, Terms(renames={"bb": "b"}))


def test_the_one_category_of_each_side_is_compared_whatever_its_name():
    truth = dataset({"x": boxes((0, 0, 4, 4))}, Taxonomy.from_names(["nucleus"]))
    other = dataset({"x": boxes((0, 0, 4, 4))}, Taxonomy.from_names(["foreground"]))
    report = judge(truth, other)
    assert report.metrics["miou"] == 1.0
    assert any("foreground with nucleus" in note for note in report.notes)


# -- panoptic ----------------------------------------------------------------------------------

SCENE = Taxonomy((Category("car", "car"), Category("road", "road", kind="stuff")))


def scene(*corners, category, **columns):
    return boxes(*corners, category=category, size=(4, 10), **columns)


def whole_scene(car=(0, 0, 4, 4), **columns):
    """A car at the left and the road beside it."""
    return scene(car, (4, 0, 10, 4), category=[0, 1], **columns)


def test_things_and_stuff_without_overlap_are_judged_as_panoptic():
    truth = dataset({"x": whole_scene()}, SCENE)
    predicted = dataset({"x": whole_scene((0, 0, 4, 3))}, SCENE)
    report = judge(truth, predicted)
    assert (report.task, report.ranked_by) == ("panoptic", "pq")
    assert (report.metrics["pq_things"], report.metrics["pq_stuff"]) == (0.75, 1.0)
    assert report.per_class["car"]["iou"] == 0.75
    assert report.per_sample[0]["pq"] == 0.875
    assert report.provenance["convention"] == "panopticapi"


@pytest.mark.parametrize(
    ("predicted", "why"),
    [
        (scene((0, 0, 4, 4), category=0), "no stuff is predicted"),
        (scene((0, 0, 5, 4), (4, 0, 10, 4), category=[0, 1]), "the car lies over the road"),
    ],
)
def test_rows_that_are_not_panoptic_in_the_first_pair_are_instances(predicted, why):
    truth = dataset({"x": whole_scene()}, SCENE)
    assert judge(truth, dataset({"x": predicted}, SCENE)).task == "instance", why


def test_things_alone_are_instances_until_panoptic_is_asked_for():
    truth = dataset({"x": boxes((0, 0, 4, 4))})
    assert judge(truth, truth).task == "instance"
    report = judge(truth, truth, Terms(task="panoptic"))
    assert (report.metrics["pq"], report.metrics["pq_stuff"]) == (1.0, None)
    assert report.reasons["pq_stuff"] == "no stuff category is in the taxonomy"


def test_the_first_prediction_decides_where_the_first_sample_has_none():
    truth = dataset({"w": whole_scene(), "x": whole_scene()}, SCENE)
    predicted = dataset({"x": whole_scene()}, SCENE)
    report = judge(truth, predicted, Terms(missing="empty"))
    assert report.task == "panoptic"
    assert report.per_class["car"]["fn"] == 1


def test_panoptic_scores_end_where_the_truth_was_not_labelled():
    area = scene((0, 0, 5, 4), category=0).rows.masks
    truth = dataset({"x": scene((0, 0, 4, 4), category=0, coverage=Coverage(area=area))}, SCENE)
    predicted = dataset({"x": whole_scene()}, SCENE)
    report = judge(truth, predicted, Terms(task="panoptic"))
    assert report.per_class["road"]["fp"] == 0  # 20 of its 24 pixels were not looked at
    cars = Coverage(categories=frozenset({"car"}))
    truth = dataset({"x": scene((0, 0, 4, 4), category=0, coverage=cars)}, SCENE)
    assert judge(truth, predicted, Terms(task="panoptic")).metrics["pq"] == 1.0


def test_volumes_are_refused_as_panoptic():
    maps = Labels((2, 1, 2), class_map=np.zeros((2, 1, 2), np.uint8))
    truth = dataset({"x": maps})
    with pytest.raises(DataError, match=r"^x: objects of volumes.*task semantic"):
        judge(truth, truth, Terms(task="panoptic"))


def test_slices_carry_panoptic_quality_and_add_up():
    tags = {"x": {"site": "north"}, "y": {"site": "south"}}
    truth = dataset({"x": whole_scene(), "y": whole_scene()}, SCENE, tags=tags)
    predicted = dataset({"x": whole_scene(), "y": whole_scene((0, 0, 2, 4))}, SCENE)
    report = judge(truth, predicted, Terms(by="site"))
    assert report.per_slice["north"]["pq"] == 1.0
    assert report.per_slice["south"]["pq_things"] == 0.0
    assert (
        report.metrics["pq_things"] == 0.5
    )  # one match of two cars, one extra: 1 / (1 + 1/2 + 1/2)
