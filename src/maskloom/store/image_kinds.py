"""Which files are images, by the ends of their names.

What a file really is, its bytes say: a JPEG that is named .png is read as what it is. TIFF and
slides are told by their names, as raw formats of cameras are TIFF inside, too.
"""

from __future__ import annotations

from pathlib import Path

# Slides of Aperio and Hamamatsu are TIFF by another name; .btf and .tf8 are BigTIFF.
TIFF_SLIDES = frozenset({".svs", ".ndpi"})
TIFF_SUFFIXES = frozenset({".tif", ".tiff", ".btf", ".tf8"}) | TIFF_SLIDES
# Slides whose image is put together of parts: 3DHISTECH, Leica, Roche, Sakura, Zeiss.
SLIDE_SUFFIXES = frozenset({".mrxs", ".scn", ".bif", ".svslide", ".czi"})
IMAGE_SUFFIXES = (
    frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp"}) | TIFF_SUFFIXES | SLIDE_SUFFIXES
)
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


def is_slide(path: Path) -> bool:
    """Whether a file calls itself a slide that only OpenSlide reads."""
    return path.suffix.lower() in SLIDE_SUFFIXES


def of_any_size(path: Path) -> bool:
    """Whether files of this kind are read by windows, and may be larger than memory."""
    return is_tiff(path) or is_slide(path)


def files_beside(path: Path) -> tuple[Path, ...]:
    """The files that an image cannot be read without: of `a.mrxs` those in the folder `a`."""
    folder = path.with_suffix("")
    if path.suffix.lower() != ".mrxs" or not folder.is_dir():
        return ()
    return tuple(sorted(p for p in folder.rglob("*") if p.is_file()))
