"""The real sets of the shared folder: what each holds by its own papers, and how it is read.

A set is read by what is detected, without options; bare pictures and masks in folders of their own
names say with options which is which. Numbers are those of a set's SOURCE.md, or counted in its
label files without maskloom.
"""

from __future__ import annotations

from dataclasses import dataclass

D = "conformance/datumaro"
LS = "conformance/label-studio-sdk"
FASTER = "conformance/faster_coco_eval"
TRUTH = f"{FASTER}/cocoapi/instances_val2014_100.json"
BARE = "bitmap"


@dataclass(frozen=True)
class Set:
    """A set to be read.

    Args:
        path: below the shared folder.
        fmt: that is detected, or named where options are.
        images: how many there are.
        objects: as its files list them; None in class maps and where nobody tells.
        said: where the numbers come from.
        options: `--set from.KEY=VALUE`; COLORS stands for a table of colours, and a
            file of `like` lies below the shared folder.
    """

    path: str
    fmt: str
    images: int
    objects: int | None
    said: str
    options: tuple[str, ...] = ()


SETS = (
    Set("alphamatting", BARE, 1, None, "SOURCE.md: GT01", (
        "images=input_training_lowres", "masks=trimap_training_lowres/Trimap1", "kind=binary",
        "void=128",
    )),
    Set("bsds500", "bsds", 13, None, "SOURCE.md: 8 train, 5 val"),
    Set("buildings_spacenet", "geojson", 1, 43, "SOURCE.md: 43 polygons"),
    Set("camvid", "camvid", 468, None, "SOURCE.md: 367 train, 101 val"),
    Set("change_dsifn", BARE, 3, None, "SOURCE.md: three crops", ("images=B", "masks=label", "kind=binary")),
    Set("change_levir", BARE, 4, None, "SOURCE.md: four crops", ("images=B", "masks=label", "kind=binary")),
    Set("chase_db1", BARE, 20, None, "SOURCE.md: 20 JPG", ("images=.", "masks=.", "suffix=_1stHO")),
    Set("coco_mini", "coco", 13, 149, "SOURCE.md: 13 images; annotations of the JSON"),
    Set("coco_mini/panoptic_train2017.json", "coco-panoptic", 13, 192, "segments of the JSON"),
    Set("coco_mini/semantic_masks", BARE, 13, None, "SOURCE.md: 13 images"),
    Set("coco_mini/yolo_seg", "yolo", 13, 149, "lines of the text files"),
    Set("crackforest", "crackforest", 10, None, "SOURCE.md: images 001-010"),
    Set("cwfid", "cwfid", 1, 17, "SOURCE.md: image 001; polygons of the YAML"),
    Set("davis2016", BARE, 40, None, "SOURCE.md: 40 frames"),
    Set("dicom_seg_samples", "dicom-seg", 16, None, "files of the class Segmentation Storage", ("threshold=0.5",)),
    Set("dsb2018", "objects", 40, 1264, "PNGs below masks_fixed"),
    Set("dubai_landcover", BARE, 10, None, "SOURCE.md: tiles 1 and 2, parts 001-005", ("COLORS",)),
    Set("em_isbi2012", BARE, 8, None, "SOURCE.md: slices 0-7"),
    Set("fruits_nuts", "coco", 5, 52, "SOURCE.md: images 0-4; annotations of the JSON"),
    Set("grocery_shelves", "supervisely", 1, 34, "SOURCE.md: one frame; objects of the JSON"),
    Set("hippocampus_msd", "nifti", 18, None, "SOURCE.md: 18 volumes"),
    Set("magnetic_tile", BARE, 24, None, "SOURCE.md: 4 images of 6 kinds", ("images=.", "masks=.", "threshold=128")),
    Set("pennfudan", BARE, 56, 143, "SOURCE.md: 56 images; objects of the text files", ("kind=instance", "suffix=_mask")),
    Set("snacks_catalog", "supervisely", 1, 1, "SOURCE.md: one image; objects of the JSON"),
    Set("torso_ct_sample/example_seg.nii.gz", "nifti", 1, None, "SOURCE.md: three segmentations"),
    Set("torso_ct_sample/example_seg_fast.nii.gz", "nifti", 1, None, "SOURCE.md"),
    Set("torso_ct_sample/example_seg_roi_subset.nii.gz", "nifti", 1, None, "SOURCE.md"),
    Set("conformance/cocostuffapi/stuff_examples.json", "coco", 2, 17, "annotations of the JSON"),
    Set("conformance/cocoapi/instances_val2014_fakesegm100_results.json", "coco", 100, 734, "entries of the JSON", (f"like={TRUTH}",)),
    Set("conformance/cocoapi/instances_val2014_fakebbox100_results.json", "coco", 100, 734, "entries of the JSON", (f"like={TRUTH}",)),
    Set("conformance/faster_coco_eval/dt_dataset.json", "coco", 3, 9, "entries of the JSON", (f"like={FASTER}/gt_dataset.json",)),
    Set("conformance/faster_coco_eval/dt_ignore_test.json", "coco", 1, 63, "entries of the JSON", (f"like={FASTER}/gt_ignore_test.json",)),
    Set("conformance/faster_coco_eval/gt_ignore_test.json", "coco", 1, 14, "annotations of the JSON; the image's id is a text"),
    Set("conformance/faster_coco_eval/cocoapi/instances_val2014_100.json", "coco", 100, 839, "annotations of the JSON"),
    Set("conformance/faster_coco_eval/example_crowdpose_val.json", "coco", 4, 10, "annotations of the JSON"),
    Set("conformance/faster_coco_eval/gt_dataset.json", "coco", 3, 9, "annotations of the JSON"),
    Set("conformance/panopticapi/panoptic_coco_detection_format.json", "coco", 2, 50, "annotations of the JSON"),
    Set("conformance/panopticapi/panoptic_examples.json", "coco-panoptic", 2, 50, "segments of the JSON"),
    Set(f"{D}/ade20k2017_dataset/dataset", "ade20k", 2, 7, "lines of *_atr.txt"),
    Set(f"{D}/ade20k2017_dataset/dataset_with_meta_file", "ade20k", 1, 3, "lines of *_atr.txt"),
    Set(f"{D}/ade20k2020_dataset/dataset", "ade20k", 2, 7, "as 2017"),
    Set(f"{D}/ade20k2020_dataset/dataset_with_meta_file", "ade20k", 1, 3, "as 2017"),
    Set(f"{D}/camvid_dataset", "camvid", 4, None, "label maps"),
    Set(f"{D}/cityscapes_dataset/dataset", "cityscapes", 4, None, "label maps"),
    Set(f"{D}/cityscapes_dataset/train_dataset", "cityscapes", 4, None, "label maps"),
    Set(f"{D}/coco_dataset/coco", "coco", 2, 3, "annotations of instances_*.json"),
    Set(f"{D}/coco_dataset/coco_image_info", "coco", 2, 0, "annotations of the JSON"),
    Set(f"{D}/coco_dataset/coco_instances", "coco", 2, 3, "annotations of the JSON"),
    Set(f"{D}/coco_dataset/coco_labels", "coco", 2, 3, "annotations of the JSON"),
    Set(f"{D}/coco_dataset/coco_panoptic/annotations/panoptic_val.json", "coco-panoptic", 1, 2, "segments of the JSON"),
    Set(f"{D}/coco_dataset/coco_person_keypoints", "coco", 2, 3, "annotations of the JSON"),
    Set(f"{D}/coco_dataset/coco_roboflow", "coco", 2, 3, "annotations of the JSON"),
    Set(f"{D}/coco_dataset/coco_stuff", "coco", 2, 2, "annotations of the JSON"),
    Set(f"{D}/coco_dataset/mmdet_coco", "coco", 2, 3, "annotations of the JSON"),
    Set(f"{D}/common_semantic_segmentation_dataset/dataset", BARE, 2, None, "label maps"),
    Set(f"{D}/cvat_dataset/for_images/export_project", "cvat", 6, 12, "figures of the XML"),
    Set(f"{D}/cvat_dataset/for_images/export_task", "cvat", 2, 4, "figures of the XML"),
    Set(f"{D}/cvat_dataset/for_video", "cvat", 4, None, "frames of the tracks"),
    Set(f"{D}/datumaro_dataset/legacy", "datumaro", 4, 0, "items of the JSON: whole images only"),
    Set(f"{D}/kitti_dataset/kitti_segmentation", "kitti", 2, None, "instance maps"),
    Set(f"{D}/labelme_dataset", "labelme", 1, None, "XML files"),
    Set(f"{D}/mapillary_vistas_dataset", "mapillary", 3, 10, "segments of the panoptic JSON"),
    Set(f"{D}/mapillary_vistas_dataset", "mapillary", 3, 10, "segments of the panoptic JSON", ("source=panoptic",)),
    Set(f"{D}/mapillary_vistas_dataset", "mapillary", 3, 10, "objects of the polygon JSON", ("source=polygons",)),
    Set(f"{D}/open_images_dataset/v5", "openimages", 2, 0, "lines of the CSV"),
    Set(f"{D}/open_images_dataset/v6", "openimages", 4, 2, "lines of the CSV"),
    Set(f"{D}/segment_anything_dataset", "sa1b", 2, 2, "annotations of the JSON"),
    Set(f"{D}/voc_dataset/voc_dataset1", "voc", 1, None, "PNGs"),
    Set(f"{D}/voc_dataset/voc_dataset3", "voc", 1, 1, "objects of the XML"),
    Set(f"{D}/yolo_dataset/annotations", "yolo", 1, 2, "lines of the text files"),
    Set(f"{D}/yolo_dataset/labels", "yolo", 2, 4, "lines of the text files"),
    Set(f"{D}/yolo_dataset/strict", "yolo", 1, 2, "lines of the text files"),
    Set(f"{LS}/test_export_coco/data.json", "labelstudio", 1, 4, "results of the JSON"),
    Set(f"{LS}/test_export_yolo/data.json", "labelstudio", 2, None, "tasks of the JSON; 6 results, 2 of them of whole images"),
    Set(f"{LS}/test_export_yolo/data_keypoints.json", "labelstudio", 1, None, "tasks of the JSON"),
    Set(f"{LS}/test_export_yolo/data_obb.json", "labelstudio", 3, 25, "results of the JSON"),
    Set(f"{LS}/test_export_yolo/data_polygons.json", "labelstudio", 1, 1, "results of the JSON"),
    Set(f"{LS}/test_import_yolo_data", "yolo", 7, 25, "lines of the text files"),
    Set(f"{LS}/test_import_yolo_data_unif_dims", "yolo", 5, 19, "lines of the text files"),
)  # fmt: skip
# Sets that are refused in one message, and what it says.
REFUSED = (
    Set("conformance/cocoapi/instances_val2014_fakesegm100_results.json", "coco", 0, 0, "a results list"),
    Set("conformance/faster_coco_eval/dt_dataset.json", "coco", 0, 0, "a results list"),
    Set("conformance/panopticapi/images_info_examples.json", "coco", 0, 0, 'no list "annotations"'),
    Set(f"{D}/coco_dataset/coco_captions", "coco", 0, 0, "no category has this id"),
    Set(f"{D}/coco_dataset/coco_panoptic", "coco-panoptic", 0, 0, "the map is 5 × 5 px, the JSON says 10 × 5 px"),
    Set(f"{D}/kitti_dataset/kitti_detection", "", 0, 0, "no labels of a known format"),
    Set(f"{D}/kitti_dataset/kitti_raw", "", 0, 0, "no labels of a known format"),
    Set(f"{D}/kitti_dataset/kitti_3d", "", 0, 0, "no labels of a known format"),
    Set(f"{D}/voc_dataset/voc_dataset2", "voc", 0, 0, "the size is not known"),
    Set(f"{LS}/test_import_coco/coco_import_input.json", "coco", 0, 0, "iscrowd: neither 0 nor 1 (saw 'false')"),
)  # fmt: skip
