"""Image entries of a COCO file, kept as places in the file and parsed when asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from maskloom.formats.coco.check import check_image, listed, refuse_doubled
from maskloom.formats.coco.image_ids import ImageId, ImageIds
from maskloom.formats.shared.json_outline import Entries, Outline, parse
from maskloom.formats.shared.json_window import Window

_CHUNK = 1 << 20
_BLOCK = 64  # entries that are parsed together
_BLOCKS = 32

Entry = Mapping[str, Any]


class ImageEntries(Mapping[ImageId, Entry]):
    """Image id → entry, in order of the file; an id takes some bytes, its entry none."""

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
        self.ids = ImageIds()
        for first, _, text in found.chunks(entries, _CHUNK):
            images = listed(
                {"images": parse(b"[" + text + b"]", found.path)}, "images", found.path, first
            )
            for number, image in enumerate(images, first):
                check_image(image if named is None else named(image), number, found.path)
                self.ids.append(image["id"])
        refuse_doubled(self.ids, found.path)
        self._count = len(entries)
        self._lock = threading.Lock()
        self._blocks: dict[int, list[Entry]] = {}
        self._last = (-1, -1)  # an entry that was parsed alone, and its block
        self._alone: Entry = {}
        self._asked: tuple[object, Entry] = (object(), {})

    def __getitem__(self, image: ImageId) -> Entry:
        # A sample and its labels ask for the same, one behind the other; threads see both or none.
        asked, entry = self._asked
        if asked != image:
            entry = self._found(image)
            self._asked = image, entry
        return entry

    def _found(self, image: ImageId) -> Entry:
        position = self.ids.find(image)
        if position < 0:
            raise KeyError(image)
        number, offset = divmod(position, _BLOCK)
        with self._lock:
            if position == self._last[0]:
                return self._alone
            block = self._blocks.get(number)
            if block is None and not self._near(number):
                # Who jumps from block to block needs none of its other entries.
                self._last, self._alone = (position, number), self._parsed(position, 1)[0]
                return self._alone
            if block is None:
                block = self._blocks[number] = self._parsed(number * _BLOCK, _BLOCK)
                if len(self._blocks) > _BLOCKS:
                    self._blocks.pop(next(iter(self._blocks)))
        return block[offset]

    def __iter__(self) -> Iterator[ImageId]:
        return iter(self.ids)

    def __len__(self) -> int:
        return len(self.ids)

    def _near(self, number: int) -> bool:
        """Whether a block is the one that was asked for before, or the next of one that is held."""
        return number == self._last[1] or number - 1 in self._blocks

    def _parsed(self, first: int, count: int) -> list[Entry]:
        own = np.arange(first, min(first + count, self._count))
        text, starts, ends = self._window.text_of(own)
        images = parse(b"[" + text[starts[0] : ends[-1]] + b"]", self._window.path)
        return images if self._named is None else list(map(self._named, images))
