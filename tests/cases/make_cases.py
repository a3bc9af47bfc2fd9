"""Writes tiles.json, fill.json and operations.json; see README.md. `--check` only compares."""

from __future__ import annotations

import argparse
import json
import random
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from make_operations import operation_cases  # noqa: E402
from tiles_by_hand import TILE, Pixel, b64, cut, encode, fill, toggles  # noqa: E402


def tile_cases() -> dict[str, Any]:
    rng = random.Random(1)
    everything = {(x, y) for x in range(TILE) for y in range(TILE)}
    named = {
        "first pixel": {(0, 0)},
        "last pixel": {(255, 255)},
        "all": everything,
        "all but the first": everything - {(0, 0)},
        "all but the last": everything - {(255, 255)},
        "one column": {(7, y) for y in range(TILE)},
        "two columns, one run": {(x, y) for x in (7, 8) for y in range(TILE)},
        "one row": {(x, 7) for x in range(TILE)},
        "a run over a column's end": {(3, 255), (4, 0)},
        "checkerboard": {p for p in everything if sum(p) % 2},
        "counts of one, two and three bytes": {(0, 127), (1, 0), (200, 9)},
        "word borders": {(0, y) for y in (31, 32, 63, 64, 95)},
        "noise": {p for p in sorted(everything) if rng.random() < 0.02},
    }
    xors = [("one row", "one column"), ("all", "noise"), ("noise", "all but the last"),
            ("all", "all"), ("first pixel", "all but the first")]  # fmt: skip
    return {
        "tiles": [
            {"name": name, "area": len(own), "runs": b64(encode(own)), "toggles": toggles(own)}
            for name, own in named.items()
        ],
        "refused": [
            {"name": name, "runs": b64(bytes(runs))}
            for name, runs in {
                "nothing": [],
                "a cut count": [128],
                "a cut count at the end": [*encode({(0, 5)})[:-1]],
                "a count of four bytes": [128, 128, 128, 1],
                "a longer zero": [128, 0, 128, 128, 4],
                "a longer one": [129, 0, 255, 255, 3],
                "zero in the middle": [1, 0, 255, 255, 3],
                "zero at the end": [128, 128, 4, 0],
                "too little": [255, 255, 3],
                "too much": [129, 128, 4],
                "far too much": [255, 255, 127],
                "twice": [128, 128, 4, 128, 128, 4],
            }.items()
        ],
        "outside": [
            {"name": name, "tile": tile, "size": size, "runs": b64(encode(own)), "sound": sound}
            for name, tile, size, own, sound in (
                ("in the corner", "1,1", [300, 280], {(23, 43)}, True),
                ("right of the frame", "1,1", [300, 280], {(24, 43)}, False),
                ("below the frame", "1,1", [300, 280], {(23, 44)}, False),
                ("a run round the lower edge", "0,1", [300, 280], {(3, 43), (4, 0)}, True),
                ("a run through the lower edge", "0,1", [300, 280], {(3, 43), (3, 44)}, False),
                ("a whole tile", "0,0", [300, 280], everything, True),
                ("a whole tile in a short frame", "0,0", [255, 280], everything, False),
                ("a tile beyond", "2,0", [300, 280], {(0, 0)}, False),
                ("a tile below", "0,2", [300, 280], {(0, 0)}, False),
                ("no pixel", "0,0", [300, 280], set(), False),
                ("leading zero", "00,0", [300, 280], {(0, 0)}, False),
                ("negative", "-1,0", [300, 280], {(0, 0)}, False),
                ("huge", "99999999,0", [300, 280], {(0, 0)}, False),
            )
        ],
        "xor": [xored(named[a], named[b]) for a, b in xors],
        "base64": ["AA", "AAA", "AAA==", "A A=", "AB==", "AAB=", "AA=A", "-_==", "AA==\n", "é"],
    }


def xored(a: set[Pixel], b: set[Pixel]) -> dict[str, str]:
    both = a ^ b
    return {"a": b64(encode(a)), "b": b64(encode(b)), "xor": b64(encode(both)) if both else ""}


def fill_cases() -> list[dict[str, Any]]:
    rng = random.Random(2)
    far = 2**30
    square = [32, 32, 160, 32, 160, 160, 32, 160]
    named: dict[str, tuple[list[int], list[list[int]]]] = {
        "corners on centres: left and upper are inside": ([4, 4], [square]),
        "the same, turned the other way": ([4, 4], [[32, 32, 32, 160, 160, 160, 160, 32]]),
        "a hole": (
            [12, 12],
            [[0, 0, 640, 0, 640, 640, 0, 640], [192, 192, 448, 192, 448, 448, 192, 448]],
        ),
        "two rings that cancel": ([4, 4], [square, square]),
        "two parts": ([12, 12], [[0, 0, 128, 0, 128, 128, 0, 128], [320, 320, 640, 320, 640, 640]]),
        "a bow tie": ([12, 12], [[0, 0, 640, 640, 640, 0, 0, 640]]),
        "a star, empty inside": ([20, 20], [[640, 0, 1010, 1150, 30, 440, 1250, 440, 270, 1150]]),
        "between two centres: nothing": ([8, 8], [[33, 0, 95, 0, 95, 512, 33, 512]]),
        "one line: nothing": ([8, 8], [[0, 0, 512, 512, 256, 256]]),
        "one point: nothing": ([8, 8], [[64, 64, 64, 64, 64, 64]]),
        "a thin diagonal": ([16, 16], [[0, 0, 1024, 1000, 1024, 1024]]),
        "outside to the left": ([8, 8], [[-640, 0, -64, 0, -64, 512]]),
        "outside below": ([8, 8], [[0, 640, 512, 640, 512, 1280]]),
        "around the frame": ([8, 8], [[-64, -64, 1024, -64, 1024, 1024, -64, 1024]]),
        "as far as vertices go": ([8, 8], [[-far, -far, far, -far, far, far, -far, far - 1]]),
        "a far needle": ([16, 16], [[-far, -far + 7, far, far - 11, far, far - 640]]),
        "a far slope": ([16, 16], [[-far, 3, far, 1021, -far, 1021]]),
        "over tiles": ([260, 520], [[0, 0, 33280, 64, 33216, 16640, 640, 16000]]),
    }
    for k in range(60):
        height, width = rng.randrange(1, 24), rng.randrange(1, 24)
        rings = []
        for _ in range(rng.randrange(1, 4)):
            n = rng.randrange(3, 9)
            kind = k % 6
            span = 64 * max(height, width)
            low, high = (0, span) if kind < 4 else (-span, 2 * span)
            ring = [rng.randrange(low, high + 1) for _ in range(2 * n)]
            if kind == 1:
                ring = [v // 32 * 32 for v in ring]
            elif kind == 2:
                ring = [v // 64 * 64 + 32 for v in ring]
            elif kind == 3:
                ring = [v if i % 4 else ring[0] for i, v in enumerate(ring)]
            elif kind == 5:
                ring = [rng.randrange(-far, far + 1) if rng.random() < 0.4 else v for v in ring]
            rings.append(ring)
        named[f"random {k}"] = ([height, width], rings)
    return [
        {"name": name, "size": size, "rings": rings, "area": len(own), "tiles": cut(own)}
        for name, (size, rings) in named.items()
        for own in [fill(rings, *size)]
    ]


def texts() -> dict[str, str]:
    """File name to content; one case stands on a line."""
    made = {"tiles": tile_cases(), "fill": {"cases": fill_cases()}, "operations": operation_cases()}
    out = {}
    for name, parts in made.items():
        lines = []
        for part, cases in parts.items():
            entries = cases.items() if isinstance(cases, dict) else ((None, one) for one in cases)
            body = ",\n".join(
                (f"{json.dumps(key)}: " if key else "") + json.dumps(one, sort_keys=True)
                for key, one in entries
            )
            opening, closing = "{}" if isinstance(cases, dict) else "[]"
            lines.append(f"{json.dumps(part)}: {opening}\n{body}\n{closing}")
        out[f"{name}.json"] = "{\n" + ",\n".join(lines) + "\n}\n"
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    check = parser.parse_args().check
    stale = []
    for name, text in texts().items():
        path = HERE / name
        if check:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                stale.append(name)
        else:
            path.write_text(text, encoding="utf-8")
    for name in stale:
        sys.stderr.write(f"{name} is not what make_cases.py writes\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
