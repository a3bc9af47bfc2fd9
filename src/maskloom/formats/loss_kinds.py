"""Kinds of losses, and in which words they are told; those of FACTS are told, never refused."""

from __future__ import annotations

KINDS = {
    "instances": "objects merged into their class",
    "dense": "areas of things, which no label tells apart, become one object each",
    "overlap": "pixels that several objects claim keep one of them",
    "covered": "objects that lie wholly under others vanish",
    "parts": "several rows of one object become one, or drawings of it objects of their own",
    "empty": "objects without a pixel vanish",
    "void": "void pixels or objects cannot be told from background",
    "background": "background becomes void",
    "crowd": "crowd regions become plain objects",
    "score": "scores are dropped",
    "attributes": "attributes are dropped",
    "z_order": "the order in depth is dropped",
    "tracks": "links between objects (track, parent, amodal) are dropped",
    "drawings": "boxes, points, lines, scribbles and shapes that are not read are dropped",
    "tags": "tags of whole images are dropped",
    "numbers": "objects get other numbers than the ids they had",
    "splits": "images change or lose their split",
    "ids": "objects beyond the ids of the format, or with ids that it has not, get others",
    "classes": "more classes than the format has numbers",
    "coverage": "what was labelled only in part looks labelled in full",
    "looked_for": "which classes were looked for in an image and not found is dropped",
    "affine": "where pixels or voxels lie in the world is changed or dropped",
    "names": "classes come back under other names",
    "pixels": "pixels came back otherwise than they were",
    "ignored": "objects of void classes become void pixels",
    "void_classes": "which void class a region is of is dropped, its pixels stay void",
    "defaults": "attributes that say what is so of most objects (not difficult, say) are dropped",
    "vertices": "the author's vertices are dropped, the pixels are exact",
    "fields": "fields that maskloom does not interpret are dropped",
    "confidence": "the confidence map is dropped",
}
FACTS = frozenset(
    {"numbers", "splits", "void_classes", "defaults", "vertices", "fields", "confidence"}
)
