"""What a DICOM segmentation says besides its pixels, as plain JSON that its sample carries.

Everything is kept but what a writer says anew (`_ANEW`); what cannot be kept goes by name into
`dropped`, so that conversions tell it.

Source: DICOM PS3.3 A.51 (Segmentation IOD), C.7.6.16 (functional groups).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from maskloom.formats.dicom_seg.frames import SegFrames, label_of
from maskloom.formats.dicom_seg.groups import encoded, place_name
from maskloom.store.dicom_groups import FrameGroups

EMPTY = "empty"
"""Entry of labels: segment number, as text → planes of its frames that have no pixel."""
WRITTEN = (
    "file", "blank", "segments", "background", "series", "sources", "own",
    "SegmentationFractionalType", "SharedFunctionalGroups", "SliceThickness", EMPTY,
)  # fmt: skip
"""Entries that a writer writes again, or tells by name where it does not."""
NOTES = ("blank", "background", "own", "series")
"""Entries that other formats do not tell as dropped; `sources` speaks for `own`."""
_ANEW = frozenset(
    (
        "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "Modality", "NumberOfFrames", "Rows",
        "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
        "SamplesPerPixel", "PhotometricInterpretation", "PixelData", "ExtendedOffsetTable",
        "ExtendedOffsetTableLengths", "DataSetTrailingPadding", "SegmentationType",
        "SegmentationFractionalType", "MaximumFractionalValue", "PixelPaddingValue",
        "SegmentSequence", "DimensionOrganizationSequence", "DimensionOrganizationType",
        "DimensionIndexSequence", "SharedFunctionalGroupsSequence",
        "PerFrameFunctionalGroupsSequence",
    )
)  # fmt: skip
"""Attributes of the file that say how pixels and frames are stored, or are kept otherwise."""
_OF_COLOURS = ("PaletteColorLookupTable", "ICCProfile")
_PLACES = (
    "PlanePositionSequence", "PlaneOrientationSequence", "PlanePositionSlideSequence",
    "SegmentIdentificationSequence", "FrameContentSequence",
)  # fmt: skip
"""Functional groups that labels and their place say."""
_OWN = ("PixelMeasuresSequence", "DerivationImageSequence")
"""Functional groups of volumes that are kept by plane and segment."""
_DERIVATION = "DerivationImageSequence"
_MOST_BYTES = 1 << 20  # of one attribute; thumbnails and the like are larger
_MOST_OWN = 10_000  # frames whose sources are not those of their plane


def kept_of(data: Any, info: SegFrames) -> dict[str, Any]:
    """What a segmentation says besides its pixels, to be written again.

    Args:
        data: the attributes of the file.
        info: of its frames.
    """
    dropped: dict[str, bool] = {}
    segments = {
        str(item.SegmentNumber): item.to_json_dict() for item in data.get("SegmentSequence") or ()
    }
    background = segments.pop("0", None)
    series = [
        str(s.SeriesInstanceUID)
        for s in data.get("ReferencedSeriesSequence") or ()
        if "SeriesInstanceUID" in s
    ]
    attributes = _attributes(data, _ANEW, dropped)
    blank = {name: value for name, value in attributes.items() if value.keys() <= {"vr"}}
    found: dict[str, Any] = {
        "file": {name: value for name, value in attributes.items() if name not in blank},
        "blank": blank,
        "segments": segments,
        "background": background,
        "series": series,
        "SegmentationFractionalType": str(data.get("SegmentationFractionalType") or ""),
    }
    if info.hidden - {0}:
        dropped["PixelPaddingValue"] = True
    flat = len(info.size) == 2  # never written, so that all of it is told
    anew = frozenset(_PLACES if flat else (*_PLACES, *_OWN))
    shared = data.get("SharedFunctionalGroupsSequence")
    if shared:
        found["SharedFunctionalGroups"] = _attributes(shared[0], anew, dropped)
    groups = FrameGroups(data)
    if not flat:
        found |= _sources(groups, info, dropped)
        found["SliceThickness"] = _thickness(groups, info)
    dropped |= dict.fromkeys(_more_of_frames(groups, anew), True)
    found["dropped"] = dropped
    return {name: value for name, value in found.items() if value}


def _attributes(data: Any, anew: frozenset[str], dropped: dict[str, bool]) -> dict[str, Any]:
    """Name → value as DICOM JSON; names of those that cannot be kept go into `dropped`."""
    from pydicom.dataset import Dataset

    found: dict[str, Any] = {}
    charset = data.get("SpecificCharacterSet")
    for tag in data.keys():  # noqa: SIM118 (a data set yields elements, which damage would end)
        name = _name(tag)
        if name in anew or tag.element == 0:  # lengths of groups, retired
            continue
        if any(part in name for part in _OF_COLOURS):
            dropped[name] = True
            continue
        own = Dataset()
        try:
            own[tag] = data[tag]
            said = own.to_json_dict()
            held = _held(own[tag])
            encoded(Dataset.from_json(said), charset)
        except Exception:  # noqa: BLE001 (of values that cannot be, pydicom raises any)
            held = False
        if held:
            found[name] = next(iter(said.values()))
        else:
            dropped[name] = True
    return found


def restored(attributes: Mapping[str, Any]) -> Any:
    """A pydicom data set of attributes that were kept.

    Args:
        attributes: keyword, `(gggg eeee)` or tag of eight digits → value as DICOM JSON.
    """
    from pydicom.datadict import tag_for_keyword
    from pydicom.dataset import Dataset

    said = {}
    for name, value in attributes.items():
        tag = tag_for_keyword(name)
        said[re.sub(r"[( )]", "", name) if tag is None else f"{tag:08X}"] = value
    return Dataset.from_json(said)


def _held(element: Any) -> bool:
    value = element.value
    return not isinstance(value, bytes | str) or len(value) <= _MOST_BYTES


def _name(tag: Any) -> str:
    """The keyword of an attribute, or its number where it is private."""
    from pydicom.datadict import keyword_for_tag

    return keyword_for_tag(tag) or f"({tag.group:04x} {tag.element:04x})"


def _sources(groups: FrameGroups, info: SegFrames, dropped: dict[str, bool]) -> dict[str, Any]:
    """From which images frames come: of each plane, and of frames of which another was said.

    Returns: {"sources": {place: items}, "own": {place: {segment number: items}}}.
    """
    sources: dict[str, list[Any]] = {}
    first: dict[str, Any] = {}
    own: dict[str, dict[str, list[Any]]] = {}
    count = 0
    for i in range(len(info.planes)):
        place = place_name(info.positions[i])
        items = groups.items(i, _DERIVATION)
        if place not in sources:
            first[place], sources[place] = items, [item.to_json_dict() for item in items]
        elif items is not first[place] and items != first[place]:
            count += 1
            if count > _MOST_OWN:
                dropped[_DERIVATION] = True
                items = []
            number = str(int(info.numbers[i]))
            own.setdefault(place, {})[number] = [item.to_json_dict() for item in items]
    kept = {place: items for place, items in sources.items() if items or place in own}
    return {"sources": kept, "own": own}


def _thickness(groups: FrameGroups, info: SegFrames) -> str:
    """SliceThickness where it is not the distance of planes, which is written else."""
    measures = groups.item(0, "PixelMeasuresSequence")
    said = None if measures is None else measures.get("SliceThickness")
    other = said is not None and abs(float(said) - info.spacing[0]) > 1e-6 * info.spacing[0]
    return str(said) if other else ""  # no number differs from anything


def _more_of_frames(groups: FrameGroups, anew: frozenset[str]) -> Iterable[str]:
    """Names of what single frames say besides groups that are written, which is not kept."""
    found: dict[int, None] = {}
    for i in range(len(groups)):
        found |= dict.fromkeys(groups.tags(i))
        found |= dict.fromkeys(groups.tags_of_item(i, "FrameContentSequence"))
    from pydicom.tag import Tag

    names = [_name(Tag(tag)) for tag in found]
    return [name for name in names if name not in anew | {"DimensionIndexValues"}]


def segment_labels(kept: Mapping[str, Any]) -> dict[str, str]:
    """Segment number, as text → its label, of what `kept_of` kept."""
    from pydicom.dataset import Dataset

    given = kept.get("segments", {})
    return {n: label_of(Dataset.from_json(dict(item)), int(n)) for n, item in given.items()}
