"""Which files are images, by the ends of their names.

What a file really is, its bytes say: a JPEG that is named .png is read as what it is. TIFF alone is
told by its name, as raw formats of cameras are TIFF inside, too.
"""

from __future__ import annotations

from pathlib import Path

# .btf and .tf8 are BigTIFF; slides of Aperio, Hamamatsu and Leica are TIFF by another name.
SLIDE_SUFFIXES = frozenset({".svs", ".ndpi", ".scn"})
TIFF_SUFFIXES = frozenset({".tif", ".tiff", ".btf", ".tf8"}) | SLIDE_SUFFIXES
IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp"}) | TIFF_SUFFIXES
KINDS = "PNG, JPEG, TIFF, WebP or BMP"


def ome_part(path: Path) -> str:
    """`.ome` of an OME-TIFF's name, as it is spelt, which is part of its ending; else nothing."""
    inner = Path(path.stem).suffix
    return inner if inner.lower() == ".ome" and is_tiff(path) else ""


def full_ending(path: Path, key: str) -> str:
    """What to put behind a key for the name of an image's copy, `.ome.tif` kept whole.

    Args:
        path: of the image.
        key: of its sample, which has `.ome` itself where a name alone told it.
    """
    part = ome_part(path)
    return path.suffix if part and key.lower().endswith(part.lower()) else part + path.suffix


def is_tiff(path: Path) -> bool:
    """Whether a file calls itself a TIFF, or a slide that is one."""
    return path.suffix.lower() in TIFF_SUFFIXES
