"""Images that LabelMe files carry in base64: their size, and files made of them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from maskloom.errors import FormatError
from maskloom.formats.shared.folders import read_json
from maskloom.formats.shared.png_crops import text_bytes
from maskloom.store.files import atomic_write_bytes, safe_join
from maskloom.store.image_kinds import KINDS
from maskloom.store.images import MAX_PIXELS
from maskloom.store.orientation import upright_size

_SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "TIFF": ".tif", "WEBP": ".webp", "BMP": ".bmp"}
_ORIENTATION = 274


def embedded_size(data: Mapping[str, Any], path: Path) -> tuple[int, int]:
    """(H, W) of the image in a parsed file, after EXIF orientation.

    Raises:
        FormatError: it is damaged.
    """
    return _header(_bytes(data, path), path)[1]


def extracted(path: Path, key: str, folder: Path) -> Path:
    """The image of a LabelMe file, written below a folder of the user's, unless it is there.

    Raises:
        FormatError: it is damaged, or another file of that name is there.
        WriteError: the folder cannot be written.
    """
    content = _bytes(read_json(path), path)
    suffix, _ = _header(content, path)
    folder.mkdir(parents=True, exist_ok=True)
    target = safe_join(folder, key + suffix)
    if not target.exists():
        atomic_write_bytes(target, content)
    elif target.read_bytes() != content:
        raise FormatError(
            "another image of that name is there", where=target, hint="extract into a new folder"
        )
    return target


def _bytes(data: Mapping[str, Any], path: Path) -> bytes:
    return text_bytes(data.get("imageData"), f"{path}: imageData")


def _header(content: bytes, path: Path) -> tuple[str, tuple[int, int]]:
    """File suffix and size of an image, from its header."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content), formats=tuple(_SUFFIXES)) as image:
            width, height = image.size
            turn = int(image.getexif().get(_ORIENTATION, 1)) if image.format != "PNG" else 1
            suffix = _SUFFIXES[str(image.format)]
    except Exception as error:  # Pillow raises many kinds for damaged files
        raise FormatError(f"imageData is no {KINDS} image", where=path, seen=error) from error
    if width * height > MAX_PIXELS:
        raise FormatError(
            f"imageData claims more than {MAX_PIXELS} px", where=path, seen=f"{width} × {height}"
        )
    return suffix, upright_size((height, width), turn if turn in range(1, 9) else 1)
