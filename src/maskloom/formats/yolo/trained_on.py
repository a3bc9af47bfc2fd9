"""The lists that trainers ask data.yaml for: `train` and `val`, which it must always name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from maskloom.formats.shared.json_files import SPLITS

_ALL = "images"


def train_and_val(lists: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """What data.yaml names as `train` and `val`, and a note where both are the same images.

    Args:
        lists: split → its list of images; without any, all images are trained on.

    Returns:
        their entries. Splits such as `valid` or `train2017` stand for them; images of a test
        are not trained on where there are others.
    """
    val = _meant(lists, "val")
    others = [name for name in lists if name != val]
    tests = [name for name in others if _use(name) == "test"]
    train = _meant(others, "train")
    if train is None:
        train = next((name for name in others if name not in tests), (*tests, val)[0])
    entries = {use: lists.get(name or "", _ALL) for use, name in (("train", train), ("val", val))}
    if val is not None or train is None:
        return entries, ""
    return entries | {"val": entries["train"]}, (
        f"data.yaml: no split is for validation by its name, so val lists those of {train!r}, too; "
        "scores on what was trained on say nothing of new images"
    )


def _meant(names: Iterable[str], use: str) -> str | None:
    """The first name that says what a split is for, the plainest first."""
    found = [name for name in names if _use(name) == use]
    return min(found, key=lambda name: (name != use, name.lower() not in SPLITS), default=None)


def _use(name: str) -> str | None:
    """`train`, `val` or `test`, also of names as `train2017` and `val_2`."""
    word = name.lower()
    longest = sorted(SPLITS, key=len, reverse=True)
    head = next((known for known in longest if word.startswith(known)), None)
    # `tester` is no test: what follows is no letter.
    return SPLITS[head] if head and not word[len(head) :][:1].isalpha() else None
