"""Names of metrics."""

from __future__ import annotations

from maskloom.registry.entry import Entry

# Scores carry the names that reports carry; they are computed together, not loaded by name.
_ALL = ("semantic", "instance", "panoptic")
_PIXELS = "maskloom.metrics.pixels:PixelMetrics"
_INSTANCES = "maskloom.metrics.objects.family:InstanceMetrics"
_PANOPTIC = "maskloom.metrics.panoptic.family:PanopticMetrics"
_SHAPES = "maskloom.metrics.shape.object_metrics:ObjectShapeMetrics"
_CLUSTERS = "maskloom.metrics.shape.cluster_metrics:ClusterMetrics"
_BOUNDARY = "maskloom.metrics.boundary.family:BoundaryMetrics"
_SURFACE = "maskloom.metrics.surface.family:SurfaceMetrics"
_THIN = "maskloom.metrics.shape.thin_metrics:ThinMetrics"
_SIZES = "maskloom.metrics.shape.size_metrics:SizeMetrics"
_VIDEO = "maskloom.metrics.boundary.video_family:VideoFamily"
_TRACKS = "maskloom.metrics.tracks.family:TrackFamily"
_MAPS = ("semantic",)
_ONE, _SEGMENTS = ("instance",), ("panoptic",)

METRICS: dict[str, Entry] = {
    "miou": Entry(_PIXELS, "intersection over union, mean over classes", _ALL),
    "fwiou": Entry(_PIXELS, "intersection over union, weighted by pixels per class", _ALL),
    "weighted_iou": Entry(_PIXELS, "intersection over union, weighted by 1 / pixels", _ALL),
    "pixel_accuracy": Entry(_PIXELS, "share of valid pixels with the right class", _ALL),
    "mean_accuracy": Entry(_PIXELS, "recall of pixels, mean over classes", _ALL),
    "dice": Entry(_PIXELS, "Dice, mean over classes", _ALL),
    "dice_per_sample": Entry(_PIXELS, "Dice of each sample, mean over samples", _ALL),
    "boundary_iou": Entry(_BOUNDARY, "IoU of bands along the outlines, mean over classes", _MAPS),
    "boundary_f1": Entry(_BOUNDARY, "F1 of outlines within a tolerance, mean over classes", _MAPS),
    "assd": Entry(_SURFACE, "mean distance between surfaces, in units of spacing", _MAPS),
    "hd": Entry(_SURFACE, "largest distance between surfaces", _MAPS),
    "hd95": Entry(_SURFACE, "distance that 95 % of the surfaces stay within", _MAPS),
    "nsd": Entry(_SURFACE, "share of the surfaces that agree within a tolerance", _MAPS),
    "cldice": Entry(_THIN, "Dice of centre lines, for thin structures; name it to get it", _MAPS),
    "length_error": Entry(_THIN, "mean error of the length of lines; name it to get it", _MAPS),
    "area_error": Entry(_SIZES, "mean error of the area or volume of a class per image", _MAPS),
    "area_error_relative": Entry(_SIZES, "the same as a share of the true area", _MAPS),
    "ece": Entry(
        "maskloom.metrics.calibration:Calibration",
        "expected calibration error of the confidence of classes, in 15 bins",
        ("semantic",),
    ),
    "ap": Entry(_INSTANCES, "average precision, mean over IoU 0.50 to 0.95 and classes", _ONE),
    "ap50": Entry(_INSTANCES, "average precision at IoU 0.50", _ONE),
    "ap75": Entry(_INSTANCES, "average precision at IoU 0.75", _ONE),
    "ap_small": Entry(_INSTANCES, "average precision of objects below 32² px", _ONE),
    "ap_medium": Entry(_INSTANCES, "average precision of objects of 32² to 96² px", _ONE),
    "ap_large": Entry(_INSTANCES, "average precision of objects above 96² px", _ONE),
    "ar1": Entry(_INSTANCES, "average recall with 1 prediction per image and class", _ONE),
    "ar10": Entry(_INSTANCES, "average recall with 10 predictions per image and class", _ONE),
    "ar100": Entry(_INSTANCES, "average recall with 100 predictions per image and class", _ONE),
    "object_ece": Entry(_INSTANCES, "calibration error of scores of objects, in 15 bins", _ONE),
    "ar_all": Entry(_INSTANCES, "average recall with all predictions that are kept", _ONE),
    "f1_50": Entry(_INSTANCES, "F1 of objects at IoU 0.50", _ONE),
    "ap_rare": Entry(_INSTANCES, "AP of rare classes, where an LVIS truth says which", _ONE),
    "ap_common": Entry(_INSTANCES, "AP of common classes of LVIS", _ONE),
    "ap_frequent": Entry(_INSTANCES, "AP of frequent classes of LVIS", _ONE),
    "box_ap": Entry(
        _INSTANCES, "average precision by boxes, mean over IoU 0.50 to 0.95 and classes", _ONE
    ),
    "box_ap50": Entry(_INSTANCES, "average precision by boxes at IoU 0.50", _ONE),
    "box_ap75": Entry(_INSTANCES, "average precision by boxes at IoU 0.75", _ONE),
    "box_ap_small": Entry(_INSTANCES, "average precision by boxes of objects below 32² px", _ONE),
    "box_ap_medium": Entry(
        _INSTANCES, "average precision by boxes of objects of 32² to 96² px", _ONE
    ),
    "box_ap_large": Entry(_INSTANCES, "average precision by boxes of objects above 96² px", _ONE),
    "boundary_ap": Entry(
        _INSTANCES, "average precision by boundaries, mean over IoU 0.50 to 0.95 and classes", _ONE
    ),
    "boundary_ap50": Entry(_INSTANCES, "average precision by boundaries at IoU 0.50", _ONE),
    "boundary_ap75": Entry(_INSTANCES, "average precision by boundaries at IoU 0.75", _ONE),
    "boundary_ap_small": Entry(
        _INSTANCES, "average precision by boundaries of objects below 32² px", _ONE
    ),
    "boundary_ap_medium": Entry(
        _INSTANCES, "average precision by boundaries of objects of 32² to 96² px", _ONE
    ),
    "boundary_ap_large": Entry(
        _INSTANCES, "average precision by boundaries of objects above 96² px", _ONE
    ),
    "object_accuracy_50": Entry(
        _SHAPES, "matched objects over all, at IoU 0.50: StarDist's accuracy, Cellpose's AP", _ONE
    ),
    "aji": Entry(_SHAPES, "aggregated Jaccard index of objects without scores", _ONE),
    "aji_plus": Entry(_SHAPES, "the same with one partner for each object", _ONE),
    "count_error": Entry(_SHAPES, "mean difference of counted and true objects per image", _ONE),
    "count_bias": Entry(_SHAPES, "mean of counted minus true objects per image", _ONE),
    "vi_split": Entry(_CLUSTERS, "information lost by cutting objects apart, in bits", _ONE),
    "vi_merge": Entry(_CLUSTERS, "information lost by joining objects, in bits", _ONE),
    "rand_f": Entry(_CLUSTERS, "F score of pairs of pixels that belong together", _ONE),
    "j_and_f": Entry(_VIDEO, "mean of J and F of the tracks of sequences", _ONE),
    "j": Entry(_VIDEO, "IoU over the frames of a track, mean over tracks", _ONE),
    "j_recall": Entry(_VIDEO, "share of the frames of a track with J above 0.5", _ONE),
    "j_decay": Entry(_VIDEO, "how much J falls from the first quarter to the last", _ONE),
    "f": Entry(_VIDEO, "F1 of outlines over the frames of a track, mean over tracks", _ONE),
    "f_recall": Entry(_VIDEO, "share of the frames of a track with F above 0.5", _ONE),
    "f_decay": Entry(_VIDEO, "how much F falls from the first quarter to the last", _ONE),
    "hota": Entry(_TRACKS, "detection and association of tracks, mean over IoU and classes", _ONE),
    "det_a": Entry(_TRACKS, "detections of all frames: DetA of HOTA", _ONE),
    "ass_a": Entry(_TRACKS, "association of detections to tracks: AssA of HOTA", _ONE),
    "loc_a": Entry(_TRACKS, "IoU of matched detections: LocA of HOTA", _ONE),
    "det_re": Entry(_TRACKS, "recall of detections, mean over IoU", _ONE),
    "det_pr": Entry(_TRACKS, "precision of detections, mean over IoU", _ONE),
    "ass_re": Entry(_TRACKS, "how much of true tracks their partners hold", _ONE),
    "ass_pr": Entry(_TRACKS, "how much of predicted tracks is of their partners", _ONE),
    "idf1": Entry(_TRACKS, "F1 of detections with the right identity", _ONE),
    "idp": Entry(_TRACKS, "precision of detections with the right identity", _ONE),
    "idr": Entry(_TRACKS, "recall of detections with the right identity", _ONE),
    "mota": Entry(_TRACKS, "1 - (missed + extra + switched) / true detections", _ONE),
    "motp": Entry(_TRACKS, "IoU of detections matched at 0.50", _ONE),
    "moda": Entry(_TRACKS, "1 - (missed + extra) / true detections", _ONE),
    "smota": Entry(_TRACKS, "mota with the IoU of matched detections in their place", _ONE),
    "pq": Entry(_PANOPTIC, "panoptic quality: rq × sq of segments, mean over classes", _SEGMENTS),
    "sq": Entry(_PANOPTIC, "mean IoU of matched segments, mean over classes", _SEGMENTS),
    "rq": Entry(_PANOPTIC, "F1 of segments at IoU above 0.5, mean over classes", _SEGMENTS),
    "pq_things": Entry(_PANOPTIC, "panoptic quality over classes of things", _SEGMENTS),
    "sq_things": Entry(_PANOPTIC, "mean IoU of matched segments of things", _SEGMENTS),
    "rq_things": Entry(_PANOPTIC, "F1 of segments of things", _SEGMENTS),
    "pq_stuff": Entry(_PANOPTIC, "panoptic quality over classes of stuff", _SEGMENTS),
    "sq_stuff": Entry(_PANOPTIC, "mean IoU of matched segments of stuff", _SEGMENTS),
    "rq_stuff": Entry(_PANOPTIC, "F1 of segments of stuff", _SEGMENTS),
    **{
        f"boundary_{q}{of}": Entry(
            _PANOPTIC, f"{q}{of} by areas and outlines; name it to get it", _SEGMENTS
        )
        for of in ("", "_things", "_stuff")
        for q in ("pq", "sq", "rq")
    },
}
