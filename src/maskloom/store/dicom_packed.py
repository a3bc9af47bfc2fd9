"""Compressed DICOM files within bounds: deflated data sets, and frames whose own sizes are checked.

Deflate, JPEG and JPEG 2000 can turn a few bytes into gigabytes. A data set is inflated a piece at
a time up to a stated limit; a frame is decoded only if its code stream is of the declared size.

Source: DICOM PS3.5 A.4 and A.5, annex G (RLE); ITU-T T.81 B.2.2, T.87 C.2 (SOF); T.800 A.5.1 (SIZ).
"""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

from maskloom.errors import FormatError, ImageError
from maskloom.store.volume_header import DEFLATE_RATIO
from maskloom.work.memory import free_bytes

DEFLATED = b"1.2.840.10008.1.2.1.99"
MAX_INFLATED = 1 << 30  # bytes of a deflated data set
MAX_READS = 1 << 21  # of elements, two each; a hundred million empty ones would be minutes
MAX_CODED_PIXELS = 1 << 32  # of all frames of a file in codes of no bounded ratio
_PLAIN = b"1.2.840.10008.1.2.1".ljust(len(DEFLATED), b"\0")
_PIECE = 1 << 20
_META = 132
_SOF = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_RLE = "1.2.840.10008.1.2.5"
_RLE_RATIO = 64  # two bytes are 128 at best


class BoundedReads(io.BytesIO):
    """An inflated file that is read in so many calls at most.

    Raises:
        FormatError: from `read`, of one call more.
    """

    def __init__(self, data: bytes, path: Path) -> None:
        super().__init__(data)
        self.path = path
        self.left = MAX_READS

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes."""
        self.left -= 1
        if self.left < 0:
            raise FormatError(
                "more elements than a deflated file may have",
                where=self.path,
                hint="store it without deflate",
            )
        return super().read(size)


def inflated(path: Path) -> BinaryIO:
    """A deflated DICOM file as if it were stored without deflate.

    Args:
        path: of a file whose file meta says that it is deflated.

    Raises:
        FormatError: the file meta or the packed bytes are damaged.
        ImageError: it inflates to more than `MAX_INFLATED`, or than fits into memory.
    """
    data = path.read_bytes()
    start = _META + 12
    if len(data) < start or data[_META : _META + 8] != b"\x02\0\0\0UL\x04\0":
        raise FormatError(
            "file meta without its length", where=path, hint="store it without deflate"
        )
    end = start + int.from_bytes(data[start - 4 : start], "little")
    meta = data[:end].replace(DEFLATED, _PLAIN)
    most = min(MAX_INFLATED, free_bytes() // 3)
    parts, total = [meta], 0
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    packed = memoryview(data)[end:]
    try:
        for at in range(0, len(packed), _PIECE // 16):
            rest = bytes(packed[at : at + _PIECE // 16])
            while rest and not unpacker.eof:
                parts.append(unpacker.decompress(rest, _PIECE))
                total += len(parts[-1])
                rest = unpacker.unconsumed_tail
                if total > most:
                    raise _too_much(path, len(data), most)
        parts.append(unpacker.flush())
    except zlib.error as error:
        raise FormatError(
            "the deflated file is damaged", where=path, seen=error, hint="copy it again"
        ) from error
    if not unpacker.eof:
        raise FormatError("the deflated file is cut off", where=path, hint="copy it again")
    return BoundedReads(b"".join(parts), path)


def check_coded(
    size: tuple[int, int, int], itemsize: int, packed: int, syntax: str, path: Path
) -> None:
    """Refuse compressed frames that cannot be in so few bytes, or would be hours of decoding.

    Args:
        size: (frames, rows, columns) as declared.
        itemsize: bytes of a pixel.
        packed: bytes of all compressed frames.
        syntax: the transfer syntax.
        path: to name.

    Raises:
        FormatError: naming both sizes.
        ImageError: more than `MAX_CODED_PIXELS` in a code that has no bounded ratio.
    """
    count, rows, columns = size
    pixels = count * rows * columns
    seen = f"{columns} × {rows} × {count} pixels in {packed:,} bytes"
    short = syntax == _RLE and pixels * itemsize > packed * _RLE_RATIO
    if short or packed < 8 * count:  # a frame is an item, whose head is eight bytes
        raise FormatError(
            "fewer pixels than the attributes declare",
            where=path,
            seen=seen,
            hint="copy the file again",
        )
    if syntax != _RLE and pixels > MAX_CODED_PIXELS:
        raise ImageError(
            f"compressed frames of more than {MAX_CODED_PIXELS:,} pixels",
            where=path,
            seen=seen,
            hint="store the file without compression",
        )


def check_code(code: bytes, size: tuple[int, int], where: str) -> None:
    """Refuse a frame whose JPEG, JPEG-LS or JPEG 2000 code is of another size than declared.

    Args:
        code: the frame as stored; any other code passes.
        size: (rows, columns) as the attributes say.
        where: what to name.

    Raises:
        FormatError: naming both sizes.
    """
    found = code_size(code)
    if found is not None and found != size:
        raise FormatError(
            f"a compressed frame that is no {size[1]} × {size[0]} px, as the attributes declare",
            where=where,
            seen=f"{found[1]} × {found[0]}",
            hint="copy the file again",
        )


def code_size(code: bytes) -> tuple[int, int] | None:
    """(rows, columns) in the header of a JPEG, JPEG-LS or JPEG 2000 code; None of others."""
    at = code.find(b"\xff\x4f\xff\x51", 0, 1 << 12)  # bare, or within JP2 boxes
    if at >= 0 and not code.startswith(b"\xff\xd8"):
        if len(code) < at + 24:
            return None
        width, height, left, top = struct.unpack_from(">4I", code, at + 8)
        return height - top, width - left
    if not code.startswith(b"\xff\xd8"):
        return None
    at = 2
    while at + 9 <= len(code) and code[at] == 0xFF:
        kind = code[at + 1]
        if kind == 0xFF or kind in _ALONE:
            at += 1 if kind == 0xFF else 2
        elif kind in _SOF:
            rows, columns = struct.unpack_from(">2H", code, at + 5)
            return rows, columns
        else:
            at += 2 + int.from_bytes(code[at + 2 : at + 4], "big")
    return None


def _too_much(path: Path, packed: int, most: int) -> ImageError:
    return ImageError(
        f"the deflated file inflates to more than {most:,} bytes",
        where=path,
        seen=f"{packed:,} bytes, up to {DEFLATE_RATIO} times as many inflated",
        hint="store it without deflate",
    )
