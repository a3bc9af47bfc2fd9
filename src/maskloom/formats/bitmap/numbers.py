"""The numbers that stand in maps of which nothing says what they mean, by the depth of the maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.errors import FormatError
from maskloom.store import deep_png
from maskloom.work.progress import track

_LIKE_GREY = 100


@dataclass(frozen=True, slots=True)
class Numbers:
    """What occurs in maps of 8 bit, and in deeper ones."""

    shallow: set[int] = field(default_factory=set)
    deep: set[int] = field(default_factory=set)

    @property
    def all(self) -> set[int]:
        """All numbers that occur."""
        return self.shallow | self.deep

    def classes(self, void: int | None, where: Path) -> list[int]:
        """The numbers that are no void.

        Args:
            void: the number of void, as the user says; None is the usual one of each map's depth.
            where: named in errors.

        Raises:
            FormatError: 255 is void in maps of 8 bit, and deeper maps have it too.
        """
        if void is not None:
            return sorted(self.all - {void})
        usual = usual_void(deep=False)
        if usual in self.shallow and usual in self.deep:
            raise FormatError(
                f"{usual} is void in maps of 8 bit and a class in those of 16 bit; both are here",
                where=where,
                seen=usual,
                hint=f"say --set void={usual}, or, where it is a class, "
                f"--set void={usual_void(deep=True)}, or name the classes with --set taxonomy=FILE",
            )
        return sorted((self.shallow - {usual}) | (self.deep - {usual_void(deep=True)}))

    def told(self, void: int | None, classes: Sequence[int]) -> str:
        """What was assumed of bare numbers, and how to say otherwise."""
        text = f"no taxonomy: the {len(classes)} numbers are taken for classes"
        if classes:
            text = text.replace("numbers", f"numbers from {min(classes)} to {max(classes)}")
        if gone := sorted(self.all - set(classes)):
            both = void is None and self.shallow and self.deep
            depth = {usual_void(deep=deep): 8 << deep for deep in (False, True)}
            named = [f"{v} in maps of {depth[v]} bit" if both else str(v) for v in gone]
            text += f", and {' and '.join(named)} for void, which is not counted"
        if len(self.all) > _LIKE_GREY:
            return f"{text}; if these are grey masks, say --set from.kind=binary"
        return f"{text}; if they number objects, say --set from.kind=instance"


def usual_void(*, deep: bool) -> int:
    """The number of void where nothing says otherwise; in 16 bit 255 may be a class."""
    return 65535 if deep else 255


def scanned(files: Sequence[Path], read: Callable[[Path], NDArray[Any]]) -> Numbers:
    """All numbers that occur in some maps.

    Raises:
        FormatError: a map in colours.
    """
    found = Numbers()
    for file in track(files, "looking at ids", unit="maps"):
        array = read(file)
        array = flat(array, file) if array.ndim == 3 else array
        own = found.deep if array.dtype.itemsize > 1 else found.shallow
        own.update(np.unique(array).tolist())
    return found


def flat(values: NDArray[Any], where: Path) -> NDArray[Any]:
    """A grey map that was stored as RGB.

    Raises:
        FormatError: its channels differ.
    """
    if (values != values[..., :1]).any():
        raise FormatError(
            "a colour map without a colour table",
            where=where,
            hint="give --set colors=label_colors.txt with lines R G B name",
        )
    return values[..., 0]


def packed(files: Sequence[Path]) -> tuple[str, ...]:
    """A warning about grey PNG of 2 or 4 bit among others of 8, by their headers."""
    bits = {file: deep_png.grey_bits(file) for file in files if file.suffix.lower() == ".png"}
    small = [file for file, count in bits.items() if count in (2, 4)]
    if not small or 8 not in bits.values():
        return ()
    return (
        f"{len(small)} maps are PNG of 2 or 4 bit among others of 8, first {small[0].name}: their "
        "numbers are read as stored; a program that packs PNGs has divided them by 85 or 17, and "
        "if it was one, save these maps in 8 bit",
    )
