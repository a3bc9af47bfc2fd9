"""Image entries of a COCO file, kept as places in the file and parsed when asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from maskloom.formats.coco_check import check_images, listed
from maskloom.formats.json_outline import Entries, Outline, parse
from maskloom.formats.json_window import Window

_CHUNK = 1 << 20
_BLOCK = 64  # entries that are parsed together
_BLOCKS = 32

Entry = Mapping[str, Any]


class ImageEntries(Mapping[int, Entry]):
    """Image id → entry, in order of the file; an id takes a hundred bytes, its entry none."""

    def __init__(
        self, found: Outline, entries: Entries, named: Callable[[Entry], Entry] | None = None
    ) -> None:
        """Check every entry.

        Args:
            found: the file.
            entries: its list of images.
            named: gives an entry its `file_name`, where files lack it.

        Raises:
            FormatError: an entry is invalid.
        """
        self._named = named
        self._window = Window(found, entries)
        self._at: dict[int, int] = {}
        for first, _, text in found.chunks(entries, _CHUNK):
            images = listed(
                {"images": parse(b"[" + text + b"]", found.path)}, "images", found.path, first
            )
            check_images(
                images if named is None else list(map(named, images)), found.path, found=self._at
            )
        self._count = len(entries)
        self._lock = threading.Lock()
        self._blocks: dict[int, list[Entry]] = {}

    def __getitem__(self, image: int) -> Entry:
        number, offset = divmod(self._at[image], _BLOCK)
        with self._lock:
            block = self._blocks.get(number)
            if block is None:
                block = self._blocks[number] = self._parsed(number)
                if len(self._blocks) > _BLOCKS:
                    self._blocks.pop(next(iter(self._blocks)))
        return block[offset]

    def __iter__(self) -> Iterator[int]:
        return iter(self._at)

    def __len__(self) -> int:
        return len(self._at)

    def _parsed(self, number: int) -> list[Entry]:
        own = np.arange(number * _BLOCK, min((number + 1) * _BLOCK, self._count))
        text, starts, ends = self._window.text_of(own)
        images = parse(b"[" + text[starts[0] : ends[-1]] + b"]", self._window.path)
        return images if self._named is None else list(map(self._named, images))
