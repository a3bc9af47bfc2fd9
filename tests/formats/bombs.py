"""Small files that promise gigabytes, or hold them; `main` reads each and says what came of it."""

from __future__ import annotations

import bz2
import functools
import gzip
import json
import resource
import struct
import sys
import time
import warnings
import zlib
from pathlib import Path

import numpy as np

from maskloom.errors import MaskloomError
from maskloom.formats.detect import read_dataset
from maskloom.store.images import read_image, read_map
from maskloom.store.nifti import nifti_bytes

from . import hostile
from .hostile_files import MIB, packed, png_bomb

GIB = 1 << 30
DEFLATED, RLE, JPEG2000, JPEG = (
    "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.50",
)  # fmt: skip


@functools.cache
def gz_member():
    """A gzip member of 64 MiB of zeros, a thousand of them in one byte."""
    made = zlib.compressobj(9, zlib.DEFLATED, 31)
    return made.compress(bytes(64 * MIB)) + made.flush()


def nifti(path, sides, held):
    """A .nii.gz that promises a volume of sides (x, y, z), and holds so many bytes."""
    head = bytearray(nifti_bytes(np.zeros((2, 2, 2), np.uint8), ())[:352])
    struct.pack_into("<8h", head, 40, 3, *sides, 1, 1, 1, 1)
    path.write_bytes(gzip.compress(bytes(head)) + gz_member() * (held // (64 * MIB)))


def nrrd(path, sides, body, encoding):
    """A .nrrd that promises a volume of sides (x, y, z)."""
    sizes = " ".join(map(str, sides))
    lines = ("NRRD0005", "type: uint8", "dimension: 3", f"sizes: {sizes}", f"encoding: {encoding}")
    path.write_bytes(("\n".join(lines) + "\n\n").encode() + body)


@functools.cache
def bz2_zeros(n):
    """A bzip2 stream of n zeros, n a multiple of 64 MiB; a hundred bytes or so."""
    made = bz2.BZ2Compressor()
    parts = [made.compress(bytes(64 * MIB)) for _ in range(n // (64 * MIB))]
    return b"".join(parts) + made.flush()


def tiff(path, n):
    """A TIFF of 64 × 64 px whose only strip inflates to n zeros."""
    _tiff(path, [packed(n)], rows=64)


def shared_tiff(path):
    """A TIFF of 10,000 strips, all of them the same 60 kB."""
    _tiff(path, [packed(64 * MIB)] * 10_000, rows=1)


def _tiff(path, strips, rows):
    data = strips[0]
    first = 8
    tags = [(256, 64), (257, rows * len(strips)), (258, 8), (259, 8), (262, 1), (277, 1)]
    tags += [(278, rows)]
    body = bytearray(b"II*\0" + struct.pack("<I", 0) + data + b"\0" * (len(data) % 2))
    tables = {273: [first] * len(strips), 279: [len(data)] * len(strips)}
    listed = {tag: (1, value) for tag, value in tags}
    for tag, values in tables.items():
        listed[tag] = (len(values), values[0] if len(values) == 1 else len(body))
        body += struct.pack(f"<{len(values)}I", *values) if len(values) > 1 else b""
    struct.pack_into("<I", body, 4, len(body))
    body += struct.pack("<H", len(listed))
    for tag, (count, value) in sorted(listed.items()):
        body += struct.pack("<HHII", tag, 4, count, value)
    path.write_bytes(bytes(body) + b"\0\0\0\0")


def hollow_png(path):
    """A PNG of 13,000 × 13,000 px in a hundred bytes."""
    path.write_bytes(png_bomb(8)[:16] + struct.pack(">II", 13_000, 13_000) + png_bomb(8)[24:])
    data = bytearray(path.read_bytes())
    struct.pack_into(">I", data, 29, zlib.crc32(data[12:29]))
    path.write_bytes(bytes(data))


def hollow_bmp(path):
    """A BMP of 16,000 × 16,000 px in a thousand bytes."""
    info = struct.pack("<IiiHHIIiiII", 40, 16_000, 16_000, 1, 24, 0, 0, 1, 1, 0, 0)
    path.write_bytes(struct.pack("<2sIHHI", b"BM", 1054, 0, 0, 54) + info + bytes(1000))


def hollow_webp(path):
    """A WebP that promises 16,384 × 16,384 px and begins none."""
    sides = struct.pack("<I", 0x2F | ((1 << 28) - 1) << 8 & 0xFFFFFFFF) + b"\x0f" + bytes(11)
    body = b"WEBPVP8L" + struct.pack("<I", len(sides)) + sides
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)


def overfull_png(path):
    """A PNG of 8 × 8 px with a gigabyte of them."""
    whole = png_bomb(8)
    body = packed(GIB)
    chunk = b"IDAT" + body
    data = struct.pack(">I", len(body)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    path.write_bytes(whole[:33] + data + whole[-12:])


def dicom(folder, syntax, frames=None, more=b"", **changes):
    """A DICOM segmentation with other attributes and pixels; `more` goes behind its elements."""
    import pydicom
    from pydicom.encaps import encapsulate

    hostile.seed("dicom-seg", folder)
    path = next(p for p in sorted(folder.rglob("*.dcm")))
    data = pydicom.dcmread(path)
    for name, value in changes.items():
        setattr(data, name, value)
    data.file_meta.TransferSyntaxUID = syntax
    if frames is not None:
        data.PixelData = encapsulate(frames)
        data["PixelData"].is_undefined_length = True
        data["PixelData"].VR = "OB"
    data.save_as(path, little_endian=True, implicit_vr=False)
    if more:
        whole = path.read_bytes()
        end = 144 + int.from_bytes(whole[140:144], "little")
        made = zlib.compressobj(9, zlib.DEFLATED, -15)
        plain = zlib.decompress(whole[end:], -15)
        body = made.compress(plain) + made.flush(zlib.Z_FULL_FLUSH) + more[2:]
        path.write_bytes(whole[:end] + body)
    return folder


def jpeg2000(side):
    """A JPEG 2000 code of a black square."""
    import io

    from PIL import Image

    made = io.BytesIO()
    Image.new("L", (side, side)).save(made, "JPEG2000", no_jp2=True)
    return made.getvalue()


def _volumes(root):
    nifti(root / "promise.nii.gz", (30_000, 30_000, 30_000), 64 * MIB)
    nifti(root / "four.nii.gz", (2048, 2048, 1024), 4 * GIB)
    nifti(root / "more.nii.gz", (2, 2, 2), 4 * GIB)
    nrrd(root / "promise.nrrd", (30_000, 30_000, 30_000), gz_member(), "gzip")
    nrrd(root / "four.nrrd", (2048, 2048, 1024), packed(4 * GIB), "gzip")
    nrrd(root / "more.nrrd", (2, 2, 2), packed(4 * GIB), "gzip")
    nrrd(root / "promise-bz2.nrrd", (2048, 2048, 1024), bz2_zeros(64 * MIB), "bzip2")
    nrrd(root / "four-bz2.nrrd", (2048, 2048, 1024), bz2_zeros(64 * MIB) * 40, "bzip2")
    nrrd(root / "more-bz2.nrrd", (2, 2, 2), bz2_zeros(4 * 64 * MIB), "bzip2")
    nrrd(root / "whole.nrrd", (512, 512, 256), bz2_zeros(64 * MIB), "bzip2")
    nifti(root / "whole.nii.gz", (1024, 1024, 128), 128 * MIB)


def _pictures(root):
    hollow_png(root / "hollow.png")
    overfull_png(root / "overfull.png")
    hollow_bmp(root / "hollow.bmp")
    hollow_webp(root / "hollow.webp")
    tiff(root / "strip.tif", 4 * GIB)
    shared_tiff(root / "shared.tif")


def _dicoms(root):
    zeros = packed(512 * MIB)
    dicom(root / "deflated", DEFLATED, more=packed(4 * GIB))
    dicom(root / "elements", DEFLATED, more=zeros)
    code = jpeg2000(8192)
    one = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "SegmentationType": "FRACTIONAL"}
    size = {"Rows": 16, "Columns": 16}
    dicom(root / "code", JPEG2000, [code] * 2, **one, **size)
    large = {"Rows": 40_000, "Columns": 40_000}
    dicom(root / "rle", RLE, [bytes(64)] * 2, **one, **large)
    dicom(root / "frames", JPEG2000, [code] * 2, **one, **large)


def attempts(root, *, medical):
    """(name, what reads it) of each bomb, made below a folder."""
    _volumes(root)
    _pictures(root)
    for path in sorted(root.glob("*.n*")):
        yield path.name, functools.partial(_labels, path)
    yield "hollow.png", lambda: read_map(root / "hollow.png")
    yield "overfull.png", lambda: read_map(root / "overfull.png")
    for name in ("hollow.bmp", "hollow.webp"):
        yield name, lambda name=name: read_image(root / name)
    for name in ("strip.tif", "shared.tif"):
        yield name, lambda name=name: read_image(root / name)
        yield f"{name} as a map", lambda name=name: read_map(root / name)
    if medical:
        _dicoms(root)
        for name in ("deflated", "elements", "code", "rle", "frames"):
            yield name, functools.partial(_labels, root / name)


def _labels(path):
    return [labels.size for _, labels in read_dataset(path)]


def main(folder, *, medical):
    """Print a line of JSON for each bomb: what came, CPU seconds, MiB more than before."""
    warnings.simplefilter("ignore")
    for name, read in attempts(Path(folder), medical=medical):
        start, held = time.process_time(), hostile.peak()
        try:
            came = str(read())
        except MaskloomError as error:
            came = f"{type(error).__name__}: {error.message}"
        took = time.process_time() - start
        sys.stdout.write(json.dumps([name, came, took, hostile.peak() - held]) + "\n")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_DATA, (4 * GIB, 4 * GIB))
    main(sys.argv[1], medical=sys.argv[2] == "medical")
