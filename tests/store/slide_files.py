"""Small slides as scanners lay them out, written with lossless tiles so that pixels can be compared.

Structure after OpenSlide's descriptions of the formats (openslide.org/formats) and of Aperio's.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

Picture = NDArray[np.uint8]
APERIO = (
    "Aperio Image Library v12.0.15\r\n{w}x{h} [0,0 {w}x{h}] (64x64) {codec}|AppMag = 20|MPP = 0.5"
)
TILE = 64
_JPEG_2000_RGB = 33005

_SCAN = """
<image><pixels>{dimensions}</pixels><view sizeX="{w}" sizeY="{h}" offsetX="{x}" offsetY="{y}"/>
<scanSettings><objectiveSettings><objective>20</objective></objectiveSettings>
<illuminationSettings><illuminationSource>brightfield</illuminationSource></illuminationSettings>
</scanSettings></image>"""
_LEICA = """<?xml version="1.0"?>
<scn xmlns="http://www.leica-microsystems.com/scn/2010/10/01">
<collection sizeX="{w}" sizeY="{h}">{scans}</collection></scn>"""
_MIRAX = """[GENERAL]
SLIDE_ID = {name}
IMAGENUMBER_X = {nx}
IMAGENUMBER_Y = {ny}
OBJECTIVE_MAGNIFICATION = 20
[HIERARCHICAL]
HIER_COUNT = 1
NONHIER_COUNT = 0
INDEXFILE = Index.dat
HIER_0_NAME = Slide zoom level
HIER_0_COUNT = 1
HIER_0_VAL_0_SECTION = LEVEL_0
[DATAFILE]
FILE_COUNT = 1
FILE_0 = Data0000.dat
[LEVEL_0]
IMAGE_CONCAT_FACTOR = 0
OVERLAP_X = 0
OVERLAP_Y = 0
MICROMETER_PER_PIXEL_X = 0.5
MICROMETER_PER_PIXEL_Y = 0.5
IMAGE_FORMAT = PNG
IMAGE_FILL_COLOR_BGR = {fill}
DIGITIZER_WIDTH = {side}
DIGITIZER_HEIGHT = {side}
"""


def leica(path: Path, picture: Picture, *, margin: tuple[int, int] = (16, 32)) -> Picture:
    """`.scn`: a photograph of the glass, and a scan of part of it in two levels.

    Returns:
        What the slide shows: the scan within a white margin of (rows, columns) all around.
    """
    height, width = picture.shape[:2]
    nm, (top, left) = 500, margin
    glass = (height + 2 * top) * nm, (width + 2 * left) * nm
    macro = '<dimension sizeX="96" sizeY="64" ifd="0"/>'
    levels = "".join(
        f'<dimension sizeX="{width // n}" sizeY="{height // n}" ifd="{i}"/>'
        for i, n in ((1, 1), (2, 4))
    )
    scans = _SCAN.format(dimensions=macro, w=glass[1], h=glass[0], x=0, y=0) + _SCAN.format(
        dimensions=levels, w=width * nm, h=height * nm, x=left * nm, y=top * nm
    )
    text = _LEICA.format(w=glass[1], h=glass[0], scans=scans)
    options = {"photometric": "rgb", "metadata": None, "compression": "deflate"}
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        for page in (
            np.full((64, 96, 3), 200, np.uint8),
            picture,
            picture[::4, ::4][: height // 4, : width // 4],
        ):
            file.write(page, tile=(TILE, TILE), description=text, **options)
            text = ""
    return np.pad(picture, ((top, top), (left, left), (0, 0)), constant_values=255)


def mirax(
    path: Path, picture: Picture, *, holes: tuple[int, ...] = (), fill: int = 0xFFFFFF
) -> Picture:
    """`.mrxs`: a picture for show, and beside it a folder with an index and photographs.

    Args:
        path: of the slide.
        picture: (H, W, 3), multiples of `TILE`.
        holes: photographs that were not made, by their numbers in rows.
        fill: colour of what is not photographed, blue in the highest byte.

    Returns:
        What the slide shows.
    """
    height, width = picture.shape[:2]
    ny, nx = height // TILE, width // TILE
    folder, name, seen = path.with_suffix(""), "A" * 32, picture.copy()
    folder.mkdir(parents=True)
    data, rows = b"", []
    for i in range(ny * nx):
        y, x = i // nx * TILE, i % nx * TILE
        if i in holes:
            seen[y : y + TILE, x : x + TILE] = fill & 255, fill >> 8 & 255, fill >> 16
            continue
        photograph = io.BytesIO()
        Image.fromarray(picture[y : y + TILE, x : x + TILE]).save(photograph, "PNG")
        rows.append(struct.pack("<4i", i, len(data), photograph.tell(), 0))
        data += photograph.getvalue()
    (folder / "Data0000.dat").write_bytes(data)
    head = b"01.02" + name.encode()
    levels = len(head) + 8
    index = struct.pack("<2i", levels, levels)  # tables of levels, and of other records: none
    index += struct.pack("<i", levels + 4) + struct.pack("<2i", 0, levels + 12)
    index += struct.pack("<2i", len(rows), 0) + b"".join(rows)
    (folder / "Index.dat").write_bytes(head + index)
    text = _MIRAX.format(name=name, nx=nx, ny=ny, side=TILE, fill=fill)
    (folder / "Slidedat.ini").write_text(text)
    shown = io.BytesIO()
    Image.fromarray(picture[::4, ::4]).save(shown, "JPEG")
    path.write_bytes(shown.getvalue())
    return seen


def aperio_jpeg_2000(path: Path, picture: Picture) -> Picture:
    """`.svs` with tiles of lossless JPEG 2000."""
    height, width = picture.shape[:2]
    full = np.pad(picture, ((0, -height % TILE), (0, -width % TILE), (0, 0)))
    tiles = []
    for y in range(0, height, TILE):
        for x in range(0, width, TILE):
            tile = io.BytesIO()
            Image.fromarray(full[y : y + TILE, x : x + TILE]).save(tile, "JPEG2000", no_jp2=True)
            tiles.append(tile.getvalue())
    text = APERIO.format(w=width, h=height, codec="J2K/KDU Q=70")
    # tifffile takes encoded tiles only of codecs that it has; the number is written over.
    with tifffile.TiffWriter(path) as file:
        file.write(
            iter(tiles), shape=picture.shape, dtype=np.uint8, tile=(TILE, TILE),
            compression="deflate", photometric="rgb", metadata=None, description=text,
        )  # fmt: skip
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages[0].tags["Compression"].overwrite(_JPEG_2000_RGB)
    return picture


def hamamatsu_jpeg(path: Path, picture: Picture) -> Picture:
    """`.ndpi`: one strip of JPEG with restart marks, in a TIFF with links of 64 bits.

    Returns:
        What Pillow decodes of the strip.
    """
    height, width = picture.shape[:2]
    strip = io.BytesIO()
    Image.fromarray(picture).save(
        strip, "JPEG", quality=95, subsampling=0, restart_marker_blocks=TILE // 8
    )
    pixels, bits, start = strip.getvalue(), struct.pack("<3H", 8, 8, 8), 12
    values = {
        256: (4, width), 257: (4, height), 258: (3, start + len(pixels)), 259: (4, 7),
        262: (4, 6), 273: (4, start), 277: (4, 3), 278: (4, height), 279: (4, len(pixels)),
        65420: (4, 1), 65421: (11, struct.unpack("<I", struct.pack("<f", 20.0))[0]),
        65424: (9, 0),
    }  # fmt: skip
    table = struct.pack("<H", len(values))
    for tag, (kind, value) in values.items():
        table += struct.pack("<HHII", tag, kind, 3 if tag == 258 else 1, value)
    table += bytes(8 + 4 * len(values))  # no further page; upper halves of values
    at = struct.pack("<Q", start + len(pixels) + len(bits))
    path.write_bytes(b"II*\0" + at + pixels + bits + table)
    return np.asarray(Image.open(strip))
