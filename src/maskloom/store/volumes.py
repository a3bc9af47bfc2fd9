"""Volumes in files: which reader a file has, and files put elsewhere as they are or re-coded.

NIfTI, NRRD and MetaImage are read without further packages, DICOM series by `dicom_series.py`.
Still images are `images.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from maskloom.errors import ImageError, WriteError
from maskloom.store import dicom_series, metaimage, nifti, nrrd, tiff_volumes
from maskloom.store.files import place_file
from maskloom.store.volume_header import Volume, VolumeHeader

VOLUME_SUFFIXES = frozenset({*nifti.SUFFIXES, *nrrd.SUFFIXES, *metaimage.SUFFIXES})
"""Of files that are volumes by their name; a TIFF may be one, too."""
_READERS: dict[str, tuple[Callable[[Path], VolumeHeader], Callable[[Path], Volume]]] = {
    **dict.fromkeys(nifti.SUFFIXES, (nifti.nifti_header, nifti.read_nifti)),
    **dict.fromkeys(nrrd.SUFFIXES, (nrrd.nrrd_header, nrrd.read_nrrd)),
    **dict.fromkeys(metaimage.SUFFIXES, (metaimage.mha_header, metaimage.read_mha)),
    **dict.fromkeys(
        tiff_volumes.SUFFIXES, (tiff_volumes.tiff_header, tiff_volumes.read_tiff_volume)
    ),
}
_KNOWN = "volumes are .nii.gz, .nii, .nrrd or .mha"


def volume_suffix(path: Path) -> str:
    """`.nii.gz`, `.nii`, `.nrrd` or `.mha`, in lower case; empty where the name has none."""
    name = path.name.lower()
    suffixes = (*nifti.SUFFIXES, *nrrd.SUFFIXES, *metaimage.SUFFIXES)
    return next((s for s in suffixes if name.endswith(s)), "")


def image_suffix(path: Path) -> str:
    """The end of a file name that says what kind of image or volume it is, as it is spelt.

    That of a folder, a series of slices, is `.nii.gz`, as which it is stored elsewhere.
    """
    if path.is_dir():
        return ".nii.gz"
    return path.name[-len(volume_suffix(path)) :] if volume_suffix(path) else path.suffix


def volume_header(path: Path) -> VolumeHeader:
    """Size, place and type from the header alone.

    Raises:
        FormatError: the header is damaged or says what cannot be.
        ImageError: missing, empty, or no volume.
    """
    if dicom_series.is_series(path):
        return dicom_series.series_header(path)
    return _READERS[_known(path)][0](path)


def read_volume(path: Path) -> Volume:
    """All voxels as real values.

    Raises:
        FormatError: the file is damaged.
        ImageError: missing, empty, no volume, or too large for the memory.
    """
    if dicom_series.is_series(path):
        return dicom_series.read_series(path)
    return _READERS[_known(path)][1](path)


def write_volume(path: Path, volume: Volume) -> None:
    """Write a volume in the file kind that the name says, voxels and place as they are.

    Raises:
        WriteError: the target cannot be written, or its kind has no such values.
    """
    header, suffix = volume.header, volume_suffix(path)
    if suffix in nrrd.SUFFIXES:
        nrrd.write_nrrd(path, volume.array, header.affine, spacing=header.spacing)
    elif suffix in metaimage.SUFFIXES:
        metaimage.write_mha(path, volume.array, header.affine, spacing=header.spacing)
    elif path.suffix.lower() in tiff_volumes.SUFFIXES:
        tiff_volumes.write_tiff_volume(path, volume.array)
        tiff_volumes.write_spacing(path, header.spacing)
    elif suffix:
        nifti.write_nifti(path, volume.array, header.affine, spacing=header.spacing)
    else:
        raise WriteError(_KNOWN, where=path)


def place_volume(source: Path, target: Path, how: str = "copy") -> None:
    """Put an image volume at a target: its bytes where both are of one kind, else re-coded.

    Args:
        source: a volume file.
        target: must not exist.
        how: `copy`, or `link` where the bytes stay the same.

    Raises:
        DataError: the source is damaged.
        WriteError: the target cannot be written.
    """
    if image_suffix(source).lower() != image_suffix(target).lower() or source.is_dir():
        write_volume(target, read_volume(source))
        return
    place_file(source, target, how)


def _known(path: Path) -> str:
    suffix = "" if path.is_dir() else image_suffix(path).lower()
    if suffix not in _READERS:
        raise ImageError("not a volume", where=path, seen=path.suffix, hint=_KNOWN)
    return suffix
