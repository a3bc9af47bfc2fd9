"""Names that users type, as literal tables: name → "module:factory" with one line of help.

Nothing is imported until a name is loaded, so listing costs no torch. A new model,
method, format or metric is one small file plus one line here. What a factory returns
is said by its table's protocol: `formats.base.Format`, `core.segmenter.Segmenter`, ...
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
from dataclasses import dataclass
from typing import Any, Literal

from maskloom.errors import MissingExtra, UsageError


@dataclass(frozen=True, slots=True)
class Entry:
    """One name: where its factory lives, what it is for, what it needs.

    `kind` is of models: whether the network gives logits of pixels or boxes with masks.
    """

    target: str
    about: str
    task: tuple[str, ...] = ()
    extra: str = ""
    kind: Literal["dense", "detector"] = "dense"


FORMATS: dict[str, Entry] = {
    "coco": Entry(
        "maskloom.formats.coco:FORMAT", "COCO instances JSON (polygons, RLE)", ("instance",)
    ),
    "coco-panoptic": Entry(
        "maskloom.formats.coco_panoptic:FORMAT",
        "COCO panoptic: JSON of segments + folder of PNG id maps (things and stuff)",
        ("panoptic",),
    ),
    "voc": Entry(
        "maskloom.formats.voc:FORMAT",
        "PASCAL VOC: class and object palette PNGs + XML of boxes and attributes",
        ("semantic", "instance"),
    ),
    "bitmap": Entry(
        "maskloom.formats.bitmap:FORMAT",
        "image folder + folder of PNG maps (class index, instance id, binary or colour)",
        ("semantic", "instance"),
    ),
    "camvid": Entry(
        "maskloom.formats.camvid:FORMAT",
        "CamVid: SegNet index maps with list files, or RGB colour maps with label_colors.txt",
        ("semantic",),
    ),
    "cityscapes": Entry(
        "maskloom.formats.cityscapes:FORMAT",
        "Cityscapes: labelIds and instanceIds maps, polygons JSON, leftImg8bit images",
        ("semantic", "instance", "panoptic"),
    ),
    "mapillary": Entry(
        "maskloom.formats.mapillary:FORMAT",
        "Mapillary Vistas v1.2 and v2.0: label and 16-bit instance maps with config JSON",
        ("semantic", "instance", "panoptic"),
    ),
    "kitti": Entry(
        "maskloom.formats.kitti:FORMAT",
        "KITTI segmentation: image_2 with semantic and 16-bit instance maps",
        ("semantic", "instance", "panoptic"),
    ),
    "ade20k": Entry(
        "maskloom.formats.ade20k:FORMAT",
        "ADE20K 2017 and 2020: objects, parts and what is hidden of them (read only)",
        ("instance", "semantic"),
    ),
    "bsds": Entry(
        "maskloom.formats.bsds:FORMAT",
        "BSDS500: regions that several people drew, in MATLAB files (read only)",
        ("instance",),
    ),
    "crackforest": Entry(
        "maskloom.formats.crackforest:FORMAT",
        "CrackForest: road cracks in MATLAB files (read only)",
        ("semantic",),
    ),
    "labelme": Entry(
        "maskloom.formats.labelme:FORMAT",
        "LabelMe: a JSON file per image (polygons, masks, rectangles, circles); old XML is read",
        ("instance",),
    ),
    "nifti": Entry(
        "maskloom.formats.nifti:FORMAT",
        "NIfTI label volumes (.nii.gz) beside image volumes, with affine",
        ("semantic", "instance"),
    ),
    "cvat": Entry(
        "maskloom.formats.cvat:FORMAT",
        "CVAT XML 1.1 for images and video (polygons, masks, boxes, tracks)",
        ("instance",),
    ),
    "supervisely": Entry(
        "maskloom.formats.supervisely:FORMAT",
        "Supervisely project: meta.json, ann/*.json (bitmaps, polygons with holes, tags), img",
        ("instance",),
    ),
    "nnunet": Entry(
        "maskloom.formats.nnunet:FORMAT",
        "nnU-Net v2 raw data: imagesTr, labelsTr, dataset.json; regions, ignore label",
        ("semantic",),
    ),
    "nrrd": Entry(
        "maskloom.formats.nrrd:FORMAT",
        "NRRD label volumes and segmentations of 3D Slicer (.seg.nrrd), which may overlap",
        ("semantic", "instance"),
    ),
    "yolo": Entry(
        "maskloom.formats.yolo:FORMAT",
        "YOLO segments and boxes: text files, data.yaml (Ultralytics), obj.data (Darknet)",
        ("instance",),
    ),
    "via": Entry(
        "maskloom.formats.via:FORMAT",
        "VGG Image Annotator JSON (VIA 1, 2, 3; written as 2): polygons, circles, attributes",
        ("instance",),
    ),
    "labelstudio": Entry(
        "maskloom.formats.labelstudio:FORMAT",
        "Label Studio JSON and JSON_MIN (brush, polygons, boxes, ellipses, key points)",
        ("instance",),
    ),
    "lvis": Entry(
        "maskloom.formats.lvis:FORMAT",
        "LVIS JSON: COCO-like, with the categories that were looked for in each image",
        ("instance",),
    ),
    "openimages": Entry(
        "maskloom.formats.openimages:FORMAT",
        "Open Images: CSV tables of masks (PNG per object) and boxes (read only)",
        ("instance",),
    ),
    "dicom-seg": Entry(
        "maskloom.formats.dicom_seg:FORMAT",
        "DICOM segmentations: binary with overlaps, fractional, labelmap; volumes and slides",
        ("semantic", "instance"),
        "medical",
    ),
    "datumaro": Entry(
        "maskloom.formats.datumaro:FORMAT",
        "Datumaro JSON: annotations/SPLIT.json with polygons, masks, boxes, lines, points",
        ("instance",),
    ),
    "sa1b": Entry(
        "maskloom.formats.sa1b:FORMAT",
        "SA-1B: a JSON file of masks per image, without classes (read only)",
        ("instance",),
    ),
    "objects": Entry(
        "maskloom.formats.objects:FORMAT", "one folder per image, one PNG per object", ("instance",)
    ),
    "geotiff": Entry(
        "maskloom.formats.geotiff:FORMAT",
        "GeoTIFF images + GeoTIFF maps (class index, instance id or binary), placed in the world",
        ("semantic", "instance"),
    ),
    "geojson": Entry(
        "maskloom.formats.geojson:FORMAT",
        "GeoJSON polygons in map coordinates beside the images in which they lie",
        ("instance",),
    ),
    "parquet": Entry(
        "maskloom.formats.parquet:FORMAT",
        "three Parquet tables that hold everything; masks in Hugging Face's Parquet are read",
        ("semantic", "instance", "panoptic"),
    ),
}

METHODS: dict[str, Entry] = {
    "otsu": Entry(
        "maskloom.classical.threshold:Otsu",
        "global threshold by Otsu's between-class variance",
        ("semantic",),
    ),
    "watershed": Entry(
        "maskloom.classical.regions:Watershed",
        "Otsu foreground split into instances by a distance-transform watershed",
        ("instance",),
    ),
}

MODELS: dict[str, Entry] = {
    "unet": Entry(
        "maskloom.models.unet:UNET",
        "U-Net: plain form of the paper, or with a timm encoder (model.encoder=resnet18, ...)",
        ("semantic", "instance", "panoptic"),
        "train",
    ),
    "deeplabv3+": Entry(
        "maskloom.models.deeplabv3plus:DEEPLABV3PLUS",
        "DeepLabv3+: atrous pyramid with image pooling over a timm encoder",
        ("semantic", "instance", "panoptic"),
        "train",
    ),
    "maskrcnn": Entry(
        "maskloom.models.maskrcnn:MASKRCNN",
        "Mask R-CNN: overlapping objects by boxes; panoptic with a semantic head (Panoptic FPN)",
        ("instance", "panoptic"),
        "train",
        "detector",
    ),
}

_ALL = ("semantic", "instance", "panoptic")

LOSSES: dict[str, Entry] = {
    "ce": Entry(
        "maskloom.training.losses:cross_entropy",
        "cross-entropy over valid pixels, weighted by class",
        _ALL,
        "train",
    ),
    "dice": Entry(
        "maskloom.training.losses:soft_dice",
        "1 - mean soft Dice over the classes that are present",
        _ALL,
        "train",
    ),
    "distance": Entry(
        "maskloom.training.losses:distance_loss",
        "cross-entropy of the distance to an object's rim, from which objects are parted",
        ("instance", "panoptic"),
        "train",
    ),
    "detector": Entry(
        "maskloom.training.detector_objective:DetectorObjective",
        "the five losses of Mask R-CNN: proposals, their boxes; kinds, boxes, masks of objects",
        ("instance", "panoptic"),
        "train",
    ),
}

_MAP, _JITTER = "maskloom.training.augment:sample_map", "maskloom.training.augment:jitter"
AUGMENTATIONS: dict[str, Entry] = {
    "crop": Entry(_MAP, "random crops of one size", _ALL, "train"),
    "scale": Entry(_MAP, "random scaling", _ALL, "train"),
    "rotate": Entry(_MAP, "random rotation", _ALL, "train"),
    "flip": Entry(_MAP, "random mirroring", _ALL, "train"),
    "elastic": Entry(_MAP, "smooth random shifts", _ALL, "train"),
    "color": Entry(_JITTER, "random brightness, contrast, gamma and saturation", _ALL, "train"),
    "noise": Entry(_JITTER, "added Gaussian noise", _ALL, "train"),
}

# Scores carry the names that reports carry; they are computed together, not loaded by name.
_PIXELS = "maskloom.metrics.pixels:PixelMetrics"
_INSTANCES = "maskloom.metrics.instances:InstanceMetrics"
_PANOPTIC = "maskloom.metrics.panoptic:PanopticMetrics"
_ONE, _SEGMENTS = ("instance",), ("panoptic",)

METRICS: dict[str, Entry] = {
    "miou": Entry(_PIXELS, "intersection over union, mean over classes", _ALL),
    "fwiou": Entry(_PIXELS, "intersection over union, weighted by pixels per class", _ALL),
    "pixel_accuracy": Entry(_PIXELS, "share of valid pixels with the right class", _ALL),
    "mean_accuracy": Entry(_PIXELS, "recall of pixels, mean over classes", _ALL),
    "dice": Entry(_PIXELS, "Dice, mean over classes", _ALL),
    "dice_per_sample": Entry(_PIXELS, "Dice of each sample, mean over samples", _ALL),
    "ap": Entry(_INSTANCES, "average precision, mean over IoU 0.50 to 0.95 and classes", _ONE),
    "ap50": Entry(_INSTANCES, "average precision at IoU 0.50", _ONE),
    "ap75": Entry(_INSTANCES, "average precision at IoU 0.75", _ONE),
    "ap_small": Entry(_INSTANCES, "average precision of objects below 32² px", _ONE),
    "ap_medium": Entry(_INSTANCES, "average precision of objects of 32² to 96² px", _ONE),
    "ap_large": Entry(_INSTANCES, "average precision of objects above 96² px", _ONE),
    "ar1": Entry(_INSTANCES, "average recall with 1 prediction per image and class", _ONE),
    "ar10": Entry(_INSTANCES, "average recall with 10 predictions per image and class", _ONE),
    "ar100": Entry(_INSTANCES, "average recall with 100 predictions per image and class", _ONE),
    "f1_50": Entry(_INSTANCES, "F1 of objects at IoU 0.50", _ONE),
    "pq": Entry(_PANOPTIC, "panoptic quality: rq × sq of segments, mean over classes", _SEGMENTS),
    "sq": Entry(_PANOPTIC, "mean IoU of matched segments, mean over classes", _SEGMENTS),
    "rq": Entry(_PANOPTIC, "F1 of segments at IoU above 0.5, mean over classes", _SEGMENTS),
    "pq_things": Entry(_PANOPTIC, "panoptic quality over classes of things", _SEGMENTS),
    "sq_things": Entry(_PANOPTIC, "mean IoU of matched segments of things", _SEGMENTS),
    "rq_things": Entry(_PANOPTIC, "F1 of segments of things", _SEGMENTS),
    "pq_stuff": Entry(_PANOPTIC, "panoptic quality over classes of stuff", _SEGMENTS),
    "sq_stuff": Entry(_PANOPTIC, "mean IoU of matched segments of stuff", _SEGMENTS),
    "rq_stuff": Entry(_PANOPTIC, "F1 of segments of stuff", _SEGMENTS),
}

REFINEMENTS: dict[str, Entry] = {}

TABLES: dict[str, dict[str, Entry]] = {
    "formats": FORMATS,
    "methods": METHODS,
    "models": MODELS,
    "losses": LOSSES,
    "augmentations": AUGMENTATIONS,
}

EXTRAS: dict[str, tuple[str, ...]] = {
    "train": ("torch", "torchvision", "timm", "segmentation_models_pytorch", "lightning"),
    "hf": ("transformers", "huggingface_hub"),
    "medical": ("nibabel", "pydicom", "highdicom", "SimpleITK"),
    "geo": ("rasterio", "pyproj"),
    "scale": ("ray",),
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
    "openvino": ("openvino",),
    "zarr": ("zarr",),
    "postgres": ("psycopg",),
}


def installed(extra: str) -> bool:
    """Whether every package of an extra can be imported; none is."""
    return all(importlib.util.find_spec(name) is not None for name in EXTRAS.get(extra, ()))


def find(table: str, name: str) -> Entry:
    """The entry of a name, or a UsageError that lists the known names."""
    entries = TABLES[table]
    if name not in entries:
        near = difflib.get_close_matches(name, entries, n=1)
        guess = f"did you mean {near[0]!r}? " if near else ""
        raise UsageError(
            f"unknown name among {table}",
            seen=name,
            hint=f"{guess}known {table}: {', '.join(sorted(entries))}",
        )
    return entries[name]


def load(table: str, name: str) -> Any:
    """Import and return what the entry's target names.

    Raises:
        UsageError: the name is unknown.
        MissingExtra: its optional dependencies are not installed.
    """
    entry = find(table, name)
    module, _, attribute = entry.target.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        if not entry.extra or (error.name or "").startswith("maskloom"):
            raise
        raise MissingExtra(
            f"{name!r} needs the package {error.name!r}",
            hint=f"install it with: pip install 'maskloom[{entry.extra}]'",
        ) from error
