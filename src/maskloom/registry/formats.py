"""Names of formats."""

from __future__ import annotations

from maskloom.registry.entry import Entry

FORMATS: dict[str, Entry] = {
    "ade20k": Entry(
        "maskloom.formats.ade20k.format:FORMAT",
        "ADE20K 2017 and 2020: objects, parts and what is hidden of them (read only)",
        ("instance", "semantic"),
    ),
    "bitmap": Entry(
        "maskloom.formats.bitmap.format:FORMAT",
        "image folder + folder of PNG maps (class index, instance id, binary or colour)",
        ("semantic", "instance"),
    ),
    "bsds": Entry(
        "maskloom.formats.bsds:FORMAT",
        "BSDS500: regions that several people drew, in MATLAB files (read only)",
        ("instance",),
    ),
    "camvid": Entry(
        "maskloom.formats.camvid.format:FORMAT",
        "CamVid: SegNet index maps with list files, or RGB colour maps with label_colors.txt",
        ("semantic",),
    ),
    "cityscapes": Entry(
        "maskloom.formats.cityscapes.format:FORMAT",
        "Cityscapes: labelIds and instanceIds maps, polygons JSON, leftImg8bit images",
        ("semantic", "instance", "panoptic"),
    ),
    "coco": Entry(
        "maskloom.formats.coco.format:FORMAT", "COCO instances JSON (polygons, RLE)", ("instance",)
    ),
    "coco-panoptic": Entry(
        "maskloom.formats.coco_panoptic.format:FORMAT",
        "COCO panoptic: JSON of segments + folder of PNG id maps (things and stuff)",
        ("panoptic",),
    ),
    "crackforest": Entry(
        "maskloom.formats.crackforest:FORMAT",
        "CrackForest: road cracks in MATLAB files (read only)",
        ("semantic",),
    ),
    "cvat": Entry(
        "maskloom.formats.cvat.format:FORMAT",
        "CVAT XML 1.1 for images and video (polygons, masks, boxes, tracks)",
        ("instance",),
    ),
    "cwfid": Entry(
        "maskloom.formats.cwfid:FORMAT",
        "CWFID: crops and weeds outlined in YAML (read only)",
        ("instance",),
    ),
    "datumaro": Entry(
        "maskloom.formats.datumaro.format:FORMAT",
        "Datumaro JSON: annotations/SPLIT.json with polygons, masks, boxes, lines, points",
        ("instance",),
    ),
    "dicom-seg": Entry(
        "maskloom.formats.dicom_seg.format:FORMAT",
        "DICOM segmentations: binary with overlaps, fractional, labelmap; volumes and slides",
        ("semantic", "instance"),
        "medical",
    ),
    "geojson": Entry(
        "maskloom.formats.geojson.format:FORMAT",
        "GeoJSON polygons in map coordinates beside the images in which they lie",
        ("instance",),
    ),
    "geotiff": Entry(
        "maskloom.formats.geotiff.format:FORMAT",
        "GeoTIFF images + GeoTIFF maps (class index, instance id or binary), placed in the world",
        ("semantic", "instance"),
    ),
    "kitti": Entry(
        "maskloom.formats.kitti:FORMAT",
        "KITTI segmentation: image_2 with semantic and 16-bit instance maps",
        ("semantic", "instance", "panoptic"),
    ),
    "labelme": Entry(
        "maskloom.formats.labelme.format:FORMAT",
        "LabelMe: a JSON file per image (polygons, masks, rectangles, circles); old XML is read",
        ("instance",),
    ),
    "labelstudio": Entry(
        "maskloom.formats.labelstudio.format:FORMAT",
        "Label Studio JSON and JSON_MIN (brush, polygons, boxes, ellipses, key points)",
        ("instance",),
    ),
    "lvis": Entry(
        "maskloom.formats.lvis:FORMAT",
        "LVIS JSON: COCO-like, with the categories that were looked for in each image",
        ("instance",),
    ),
    "mapillary": Entry(
        "maskloom.formats.mapillary.format:FORMAT",
        "Mapillary Vistas v1.2 and v2.0: label and 16-bit instance maps with config JSON",
        ("semantic", "instance", "panoptic"),
    ),
    "nifti": Entry(
        "maskloom.formats.nifti:FORMAT",
        "NIfTI label volumes (.nii.gz) beside image volumes, with affine",
        ("semantic", "instance"),
    ),
    "nnunet": Entry(
        "maskloom.formats.nnunet.format:FORMAT",
        "nnU-Net v2 raw data: imagesTr, labelsTr, dataset.json; regions, ignore label",
        ("semantic",),
    ),
    "nrrd": Entry(
        "maskloom.formats.nrrd.format:FORMAT",
        "NRRD label volumes and segmentations of 3D Slicer (.seg.nrrd), which may overlap",
        ("semantic", "instance"),
    ),
    "objects": Entry(
        "maskloom.formats.objects.format:FORMAT",
        "one folder per image, one PNG per object",
        ("instance",),
    ),
    "openimages": Entry(
        "maskloom.formats.openimages.format:FORMAT",
        "Open Images: CSV tables of masks (PNG per object) and boxes (read only)",
        ("instance",),
    ),
    "parquet": Entry(
        "maskloom.formats.parquet.format:FORMAT",
        "three Parquet tables that hold everything; pictures with masks as Hugging Face has them",
        ("semantic", "instance", "panoptic"),
    ),
    "sa1b": Entry(
        "maskloom.formats.sa1b:FORMAT",
        "SA-1B: a JSON file of masks per image, without classes (read only)",
        ("instance",),
    ),
    "supervisely": Entry(
        "maskloom.formats.supervisely.format:FORMAT",
        "Supervisely project: meta.json, ann/*.json (bitmaps, polygons with holes, tags), img",
        ("instance",),
    ),
    "via": Entry(
        "maskloom.formats.via.format:FORMAT",
        "VGG Image Annotator JSON (VIA 1, 2, 3): polygons, circles, attributes",
        ("instance",),
    ),
    "voc": Entry(
        "maskloom.formats.voc.format:FORMAT",
        "PASCAL VOC: class and object palette PNGs + XML of boxes and attributes",
        ("semantic", "instance"),
    ),
    "yolo": Entry(
        "maskloom.formats.yolo.format:FORMAT",
        "YOLO segments and boxes: text files, data.yaml (Ultralytics), obj.data (Darknet)",
        ("instance",),
    ),
}
