"""Every real set through every format that is written: exact, or exactly the losses that are told.

Run `python -m benchmarks.round_trips [--sets A,B] [--formats A,B] [--json FILE]`; the sets lie in
`MASKLOOM_SHARED` (default ../shared). A conversion is tried as users do it, and again with
--allow-loss where it is refused. What was written is read back and compared by `transfer` itself;
here the second reading must give the same content hash as the first, and writing what was read
must give the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

from maskloom import registry
from maskloom.errors import MaskloomError
from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.transfer import transfer

SETS = {
    "coco_mini": ("coco_mini", "coco", ()),
    "coco_mini panoptic": ("coco_mini", "coco-panoptic", ()),
    "fruits_nuts": ("fruits_nuts", None, ()),
    "dsb2018": ("dsb2018", None, ("category=nucleus",)),
    "pennfudan": ("pennfudan", None, ("from.kind=instance", "suffix=_mask")),
    "camvid val": ("camvid", None, ()),
    "chase_db1": (
        "chase_db1",
        "bitmap",
        ("images=.", "masks=.", "suffix=_1stHO", "kind=binary"),
    ),
    "crackforest": ("crackforest", None, ()),
    "hippocampus_msd": ("hippocampus_msd", None, ()),
}
SPLITS = {"camvid val": "val"}


def tree_hash(root: Path) -> str:
    """Of all names and bytes below a folder, or of one file."""
    digest = hashlib.sha256()
    for path in sorted(p for p in ([root] if root.is_file() else root.rglob("*")) if p.is_file()):
        digest.update(path.relative_to(root.parent).as_posix().split("/", 1)[-1].encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def trip(dataset, name: str, folder: Path) -> dict:
    """One set into one format, and what came back into it again."""
    fmt = load_format(name)
    start = time.perf_counter()
    try:
        done = transfer(dataset, folder / "one", fmt)
        refused = sorted(loss.kind for loss in done.refused)
        if not done.written:
            done = transfer(dataset, folder / "one", fmt, allow_loss=True)
        back = read_dataset(folder / "one", name)
        again = transfer(back, folder / "two", fmt, allow_loss=True)
        stable = tree_hash(folder / "one") == tree_hash(folder / "two")
    except MaskloomError as error:
        return {"cannot": error.message.replace(str(folder), "TARGET")}
    return {
        "refused": refused,
        "told": sorted(loss.kind for loss in done.losses if not loss.refused),
        "named": {loss.kind: loss.named for loss in done.losses if loss.named},
        "images": done.images,
        "objects": done.objects,
        "exact_objects": done.exact_objects,
        "labelled_pixels": done.labelled_pixels,
        "changed_pixels": done.changed_pixels,
        "changed_again": again.changed_pixels,
        "stable_bytes": stable,
        "seconds": round(time.perf_counter() - start, 2),
    }


def main() -> None:
    """Run and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--formats")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    shared = Path(os.environ.get("MASKLOOM_SHARED", "../shared")) / "data"
    written = [name for name in registry.FORMATS if load_format(name).written]
    names = args.formats.split(",") if args.formats else written
    rows = []
    for title in args.sets.split(","):
        place, fmt, settings = SETS[title]
        data = read_dataset(shared / place, fmt, settings=settings, split=SPLITS.get(title))
        for name in names:
            folder = Path(tempfile.mkdtemp(prefix="trip"))
            try:
                row = {"set": title, "format": name, **trip(data, name, folder)}
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            rows.append(row)
            print(json.dumps(row), flush=True)
    silent = [
        row
        for row in rows
        if (row.get("changed_pixels") and not row["refused"]) or row.get("changed_again")
    ]
    print(f"{len(rows)} trips, {len(silent)} with changes that nobody told")
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1) + "\n")
    raise SystemExit(bool(silent))


if __name__ == "__main__":
    main()
