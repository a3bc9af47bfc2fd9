"""The lists that trainers ask data.yaml for: `train` and `val`, which it must always name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from maskloom.formats.shared.json_files import SPLITS

_ALL = "images"
_USES = {**SPLITS, "eval": "val", "dev": "val", "testdev": "test"}
# `train2017`, `val_2`, `trainA`; what goes on in small letters is another word.
_NAME = re.compile(r"([A-Z]?[a-z]+|[A-Z]+)(?:[-_]dev)?(?![a-z])")

_BOTH = re.compile(r"train[^a-z]*val(id|idation)?(?![^\W\d_])", re.IGNORECASE)

Lists = str | list[str]


def train_and_val(lists: Mapping[str, str]) -> tuple[dict[str, Lists], str]:
    """What data.yaml names as `train` and `val`, and a note where that is not what trains well.

    Args:
        lists: split → its list of images; without any, all images are trained on.

    Returns:
        their entries. Splits such as `valid` or `train2017` stand for them, several where none
        has the plain name; images of a test are trained on only where there are no others.
    """
    if not lists:
        return {"train": _ALL, "val": _ALL}, ""
    meant = {use: _meant(lists, use) for use in ("train", "val", "test")}
    others = [name for name in lists if _use(name) is None]
    train = meant["train"] or others[:1] or meant["val"] or meant["test"]
    val = meant["val"] or train
    entries = {use: _entry(lists, names) for use, names in (("train", train), ("val", val))}
    return entries, _note(lists, meant, train, val)


def _note(
    lists: Mapping[str, str], meant: Mapping[str, list[str]], train: list[str], val: list[str]
) -> str:
    """What a training on these lists would not be, as their names say it."""
    said = []
    missing = [use for use in ("train", "val") if not meant[use]]
    both = [name for name in train if _is_both(name)]
    # A first list of whatever name is trained on without a word where others validate.
    if missing and train == val:
        said.append(
            f"no split is for {' or '.join(missing)} by its name, so both are the images of "
            f"{_named(train)}; scores on what was trained on say nothing of new images"
        )
    elif meant["val"] and both:
        said.append(f"by its name, {_named(both)} holds the images of {_named(val)}, too")
    # A list of both has the images of the others, if it is of the same year or part.
    tails = {_tail(name) for name in train + val}
    known = [name for name in lists if _is_both(name) and {_tail(name)} == tails and not missing]
    left = [n for n in lists if n not in (*train, *val, *known) and _use(n) != "test"]
    if apart := [name for name in left if not _is_both(name)]:
        said.append(f"{_named(apart)} is neither trained on nor validated on")
    if more := [name for name in left if _is_both(name)]:
        said.append(f"{_named(more)} is not trained on, and may hold images that no other list has")
    return f"data.yaml: {'; '.join(said)}" if said else ""


def _named(names: list[str]) -> str:
    return ", ".join(map(repr, names))


def _entry(lists: Mapping[str, str], names: list[str]) -> Lists:
    found = [lists[name] for name in names]
    return found[0] if len(found) == 1 else found


def _meant(names: Iterable[str], use: str) -> list[str]:
    """The names that say what a split is for: the plainest, or all such as `train2017`.

    `trainval` holds what is validated on, so that it is trained on only where nothing else is.
    """
    found = [name for name in names if _use(name) == use]
    for plain in ((use,), SPLITS):
        if exact := [name for name in found if name.lower() in plain]:
            return exact
    return [name for name in found if not _is_both(name)] or found


def _is_both(name: str) -> bool:
    """Whether a name says that a list is of train and val: `trainval`, `train_val2017`."""
    return _BOTH.match(name) is not None


def _tail(name: str) -> str:
    """What a name says beside the use: `2017` of `train2017`."""
    found = _BOTH.match(name) or _NAME.match(name)
    return name[found.end() :].lstrip("-_") if found else name


def _use(name: str) -> str | None:
    """`train`, `val` or `test`, also of names as `train2017` and `val_2`."""
    if _is_both(name):
        return "train"
    head = _NAME.match(name)
    return _USES.get(head[1].lower()) if head else None
