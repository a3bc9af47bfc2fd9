"""zarr arrays and OME-Zarr images by windows, of formats 2 and 3, in a local folder.

Source: OME-NGFF 0.4 and 0.5 (multiscales, axes); zarr 2 and 3 by the package zarr.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.errors import DataError, ImageError, MissingExtra
from maskloom.store.files import safe_join
from maskloom.store.images import decoding
from maskloom.store.rasters.raster import refuse_hostile

_PIXELS = (np.uint8, np.uint16, np.float32)
_WHOLE = (np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32)
# Codecs that make numbers of bytes; format 2 also knows one that runs code (pickle).
_CODECS = frozenset(
    {
        *("bytes", "transpose", "sharding_indexed", "shuffle", "delta", "packbits"),
        *("crc32c", "crc32", "adler32", "fletcher32", "fixedscaleoffset", "bitround", "quantize"),
        *("blosc", "zlib", "gzip", "zstd", "lz4", "bz2", "lzma"),
    }
)


class ZarrChunks:
    """A zarr array, chunk by chunk; of an OME-Zarr image its level 0.

    Args:
        path: the folder.
        stored: take any whole numbers of up to 32 bit, as a label map may have.

    Raises:
        MissingExtra: zarr is not installed.
        ImageError: missing, not zarr, hostile, of other axes or of another pixel type.
    """

    orientation = 1
    georeference = None

    def __init__(self, path: Path, *, stored: bool) -> None:
        self._path = path
        self._array, names = _level_zero(path)
        self._y, self._x, self._channel = _places(path, self._array.shape, names)
        self.dtype = np.dtype(self._array.dtype).newbyteorder("=")
        if self.dtype not in (_WHOLE if stored else _PIXELS):
            raise ImageError(
                "a zarr array of an unsupported pixel type",
                where=path,
                seen=self._array.dtype,
                hint="store it as uint8, uint16 or float32",
            )
        _refuse_codecs(path, self._array)
        shape = self._array.shape
        self.size = int(shape[self._y]), int(shape[self._x])
        self.channels = 1 if self._channel is None else int(shape[self._channel])
        # A chunk over the border claims more than there is, which is not in memory.
        self.chunk = int(self._array.chunks[self._y]), int(self._array.chunks[self._x])
        refuse_hostile(path, self)

    def decode(self, row: int, column: int) -> NDArray[Any]:
        """Read the chunk, and of an array with separate channels all that lie there."""
        (high, wide), (height, width) = self.chunk, self.size
        y0, x0 = row * high, column * wide
        place: list[int | slice] = [0] * self._array.ndim
        place[self._y] = slice(y0, min(y0 + high, height))
        place[self._x] = slice(x0, min(x0 + wide, width))
        if self._channel is not None:
            place[self._channel] = slice(None)
        try:
            part = np.asarray(self._array[tuple(place)])
        except Exception as error:  # codecs raise many kinds
            raise ImageError(
                f"the chunk at row {y0}, column {x0} is damaged or truncated",
                where=self._path,
                seen=error,
                hint="copy it again",
            ) from error
        kept = sorted(axis for axis in (self._y, self._x, self._channel) if axis is not None)
        order = [kept.index(self._y), kept.index(self._x)]
        order += [] if self._channel is None else [kept.index(self._channel)]
        upright = part.transpose(order)
        return upright.reshape(*upright.shape[:2], -1)

    def close(self) -> None:
        """Nothing is held open."""


def zarr_size(path: Path) -> tuple[int, int]:
    """(H, W) of an array or OME-Zarr image, from its metadata, whatever its pixels are.

    Raises:
        MissingExtra: zarr is not installed.
        ImageError: missing, not zarr, or of other axes.
    """
    array, names = _level_zero(path)
    y, x, _ = _places(path, array.shape, names)
    return int(array.shape[y]), int(array.shape[x])


def _level_zero(path: Path) -> tuple[Any, tuple[str, ...] | None]:
    """The array, and the names of its axes if something says them."""
    try:
        import zarr
    except ModuleNotFoundError as error:
        raise MissingExtra(
            "a zarr array needs the package 'zarr'",
            where=path,
            hint="install it with: pip install 'maskloom[zarr]'",
        ) from error
    if not path.is_dir():
        raise ImageError("no such zarr folder", where=path, hint="check the path")
    found = decoding(path, lambda: zarr.open(str(path), mode="r"))
    if isinstance(found, zarr.Array):
        return found, _named(found)
    attributes = found.attrs.asdict()
    scales = attributes.get("ome", attributes)
    scales = scales.get("multiscales") if isinstance(scales, dict) else None
    try:
        first = scales[0]  # type: ignore[index]
        level = safe_join(path, str(first["datasets"][0]["path"]))
        axes = first.get("axes", ["t", "c", "z", "y", "x"])  # as versions before 0.3 have them
        names = tuple(axis if isinstance(axis, str) else str(axis["name"]) for axis in axes)
    except (TypeError, KeyError, IndexError, AttributeError, DataError) as error:
        raise ImageError(
            "a zarr group that is not an OME-Zarr image",
            where=path,
            seen=error,
            hint="give the folder of an array in it",
        ) from error
    array = decoding(path, lambda: zarr.open_array(str(level), mode="r"))
    return array, names


def _named(array: Any) -> tuple[str, ...] | None:
    """Names by zarr 3, or by xarray's custom."""
    names = getattr(array.metadata, "dimension_names", None)
    names = names or array.attrs.get("_ARRAY_DIMENSIONS")
    return tuple(str(name).lower() for name in names) if names and all(names) else None


def _places(
    path: Path, shape: tuple[int, ...], names: tuple[str, ...] | None
) -> tuple[int, int, int | None]:
    """Positions of rows, columns and channels among the axes; all others have one entry."""
    if names is None:
        if len(shape) == 2:
            return 0, 1, None
        if len(shape) == 3 and shape[2] <= shape[0]:
            return 0, 1, 2
        raise ImageError(
            "the axes of the zarr array have no names",
            where=path,
            seen=shape,
            hint="store (H, W) or (H, W, C), or name the axes (dimension_names y, x, c)",
        )
    if len(names) != len(shape) or "y" not in names or "x" not in names:
        raise ImageError(
            "the axes of the zarr array are not those of an image",
            where=path,
            seen=f"{', '.join(names)} of {shape}",
            hint="name them y, x and c",
        )
    for name, length in zip(names, shape, strict=True):
        if name not in ("y", "x", "c") and length != 1:
            raise ImageError(
                "a zarr array of several slices or times is not one image",
                where=path,
                seen=f"{length} along {name}",
                hint="store each as an array of its own",
            )
    channel = names.index("c") if "c" in names else None
    return names.index("y"), names.index("x"), channel


def _refuse_codecs(path: Path, array: Any) -> None:
    """Raise ImageError for codecs that could run code, or that nobody knows."""
    metadata = array.metadata
    if array.metadata.zarr_format == 3:
        names = _names_of([codec.to_dict() for codec in metadata.codecs])
    else:
        used = [metadata.compressor, *(metadata.filters or ())]
        names = [str(getattr(codec, "codec_id", codec)) for codec in used if codec is not None]
    strange = [name for name in names if name.removeprefix("numcodecs.") not in _CODECS]
    if strange:
        raise ImageError(
            "the zarr array uses a codec that is not trusted",
            where=path,
            seen=", ".join(strange),
            hint="rewrite it with zstd, blosc or gzip",
        )


def _names_of(codecs: list[Any]) -> list[str]:
    """Names of codecs of zarr 3, those within shards included."""
    names = []
    for codec in codecs:
        settings = codec.get("configuration", {})
        names.append(str(codec["name"]))
        for key in ("codecs", "index_codecs"):
            names += _names_of(list(settings.get(key, ())))
    return names
