"""COCO files of any number of annotations: stars of 12 to 59 vertices, seven an image, some crowds.

Run `python -m benchmarks.coco_files FILE [--annotations N]`. The same numbers make the same bytes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec
import numpy as np

SIZE = (480, 640)
CLASSES = 80
PER_IMAGE = 7
CROWD_EVERY = 100


def annotations_of(image: int) -> list[dict]:
    """The annotations of an image, numbered from 0."""
    rng = np.random.default_rng(image)
    out = []
    for number in range(PER_IMAGE * image + 1, PER_IMAGE * (image + 1) + 1):
        n = int(rng.integers(12, 60))
        angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
        radius = rng.uniform(0.5, 1, n) * rng.uniform(8, 90)
        centre = rng.uniform((60, 60), (580, 420))
        ring = centre + radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
        ring = ring.clip(0, SIZE[::-1]).round(2)
        low, high = ring.min(axis=0), ring.max(axis=0)
        crowd = number % CROWD_EVERY == 0
        runs = {"size": SIZE, "counts": [307000, 200]}
        out.append(
            {
                "segmentation": runs if crowd else [ring.ravel().tolist()],
                "area": round(float((high - low).prod()) * 0.6, 3),
                "iscrowd": int(crowd),
                "image_id": image + 1,
                "bbox": [*low.tolist(), *(high - low).round(2).tolist()],
                "category_id": int(rng.integers(1, CLASSES + 1)),
                "id": number,
            }
        )
    return out


def write(path: Path, annotations: int) -> int:
    """Write a file of at least so many annotations; how many it has."""
    n = -(-annotations // PER_IMAGE)
    encode = msgspec.json.Encoder().encode
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as out:

        def entries(name: str, lists) -> None:
            out.write(b'"%b": [' % name.encode())
            for i, own in enumerate(lists):
                # Spaces behind commas and colons, as json.dump writes.
                text = b",\n".join(encode(one) for one in own)
                out.write((b",\n" if i else b"") + text.replace(b",", b", ").replace(b":", b": "))
            out.write(b"]")

        out.write(b'{"info": {"description": "generated"}, "licenses": [], ')
        names = ({"id": i + 1, "name": f"c{i}", "supercategory": "s"} for i in range(CLASSES))
        entries("categories", [list(names)])
        out.write(b",\n")
        sides = {"height": SIZE[0], "width": SIZE[1], "license": 1}
        entries(
            "images", ([{"id": i + 1, "file_name": f"{i:012d}.jpg", **sides}] for i in range(n))
        )
        out.write(b",\n")
        entries("annotations", map(annotations_of, range(n)))
        out.write(b"}\n")
    return n * PER_IMAGE


def main() -> None:
    """Write a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--annotations", type=int, default=100_000)
    args = parser.parse_args()
    print(f"{write(args.file, args.annotations)} annotations, {args.file.stat().st_size} bytes")


if __name__ == "__main__":
    main()
