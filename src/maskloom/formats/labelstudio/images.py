"""Which image a task of Label Studio is of, and which regions are of another one.

A task is read as one image. Controls may be on further images, or on pages of a list; what is
drawn there is never put on the first. A control's name (`to_name`) is mostly that of its field.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from maskloom.core.sample import sample_key
from maskloom.errors import FormatError
from maskloom.store.images import IMAGE_SUFFIXES


def image_names(tasks: Sequence[tuple[Mapping[str, Any], str]]) -> list[tuple[str, str]]:
    """Name and key of each task's image: the last part of its address where that is its own.

    Args:
        tasks: each with its place, for messages.

    Raises:
        FormatError: a task without an image.
    """
    plain = [_path_of(address_of(task["data"], where)) for task, where in tasks]
    counts = Counter(sample_key(path.rpartition("/")[2]) for path, _ in plain)
    keys = []
    for path, relative in plain:
        last = path.rpartition("/")[2]
        key = path.removeprefix("images/") if relative else last
        alone = relative or counts[sample_key(last)] == 1
        keys.append(sample_key(key if alone else path.strip("/")))
    again = Counter(keys)
    out = []
    for (task, _), (path, relative), key in zip(tasks, plain, keys, strict=True):
        name = path if relative else path.rpartition("/")[2]
        # Two tasks of one image are two samples.
        out.append((name, key if again[key] == 1 else f"task-{task.get('id')}/{key}"))
    return out


def address_of(data: Mapping[str, Any], where: str) -> str:
    """The address of the image as which a task is read.

    Raises:
        FormatError: it has none.
    """
    name = _field_of(data)
    if name is None:
        raise FormatError(
            "a task without an image",
            where=where,
            seen=list(data),
            hint="make each page a task of its own" if any(_pages(data)) else "",
        )
    return str(data[name])


def control_of(data: Mapping[str, Any]) -> str:
    """The name under which new regions are on the image as which a task is read."""
    return (_field_of(data) or "image") if has_several(data) else "image"


def has_several(data: Mapping[str, Any]) -> bool:
    """Whether fields of a task hold several images; the image's bare name is none besides."""
    found = {v for v in _texts(data).values() if _is_picture(v)}
    name = _field_of(data)
    if name is not None:
        found -= {data[name], _path_of(data[name])[0].rpartition("/")[2]}
    return bool(found)


def why_apart(result: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    """Why a region is not known to be of the image as which its task is read; "" if it is.

    Args:
        result: of a task.
        data: of that task, which has an image.
    """
    if is_elsewhere(result, data):
        read = _path_of(address_of(data, ""))[0]
        return f"a region of another image or page than {read}, which is read of the task"
    name = result.get("to_name")
    own = data.get(name) if isinstance(name, str) else None
    known = own in list(_pages(data)) or (isinstance(own, str) and own != "")
    if not known and has_several(data):
        return "a region that does not say of which image of the task it is"
    return ""


def is_elsewhere(result: Mapping[str, Any], data: Mapping[str, Any]) -> bool:
    """Whether a result says that it is of another image, or another page of a list."""
    field = _field_of(data)
    address = None if field is None else data[field]
    index = result.get("item_index")
    if index not in (None, 0):
        return True
    name = result.get("to_name")
    own = data.get(name) if isinstance(name, str) else None
    pages = list(_pages(data))
    if isinstance(own, list) and own in pages:
        return bool(own[0] != address)
    if index == 0 and pages:
        return all(page[0] != address for page in pages)
    # What is drawn has a place in an image, whatever its address looks like.
    placed = "original_width" in result
    return isinstance(own, str) and own not in ("", address) and (placed or _is_picture(own))


def _field_of(data: Mapping[str, Any]) -> str | None:
    texts = _texts(data)
    if "image" in texts:
        return "image"
    pictures = [name for name, value in texts.items() if _is_picture(value)]
    return next(iter([*pictures, *texts]), None)


def _texts(data: Mapping[str, Any]) -> dict[str, str]:
    return {k: v for k, v in data.items() if isinstance(v, str) and v}


def _pages(data: Mapping[str, Any]) -> Iterator[list[str]]:
    """Lists of images."""
    for value in data.values():
        if isinstance(value, list) and value and all(map(_is_picture, value)):
            yield value


def _is_picture(address: object) -> bool:
    if not isinstance(address, str):
        return False
    return Path(_path_of(address)[0]).suffix.lower() in IMAGE_SUFFIXES


def _path_of(address: str) -> tuple[str, bool]:
    """The path of an address, and whether it is one below the data's folder."""
    if "://" not in address and not address.startswith(("/", "data:")):
        parts = address.replace("\\", "/").split("/")
        if ".." not in parts and ":" not in parts[0] and "\0" not in address:
            return "/".join(parts), True
    if address.startswith("data:"):
        return "image", False
    try:
        split = urlsplit(address)
    except ValueError:
        return "image", False
    # Files of the server itself: local-files/?d=folder/name.jpg
    local = parse_qs(split.query).get("d")
    path = local[0] if local else unquote(split.path)
    parts = [p for p in path.replace("\\", "/").split("/") if p not in ("", ".", "..")]
    return "/".join(parts) or "image", False
