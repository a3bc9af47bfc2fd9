"""Small data sets of every format, and what a hostile file does to them.

A damage is one changed file. `attack` reads the damaged set in all ways and says what was no
plain message: another exception, too much memory or time, a file outside the target.
`python -m tests.formats.hostile FORMATS FOLDER N` tries as much as one likes.
"""

from __future__ import annotations

import random
import re
import resource
import shutil
import signal
import sys
import time
import traceback
import warnings
from pathlib import Path

import numpy as np

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels
from maskloom.core.sample import ImageRef, Sample
from maskloom.errors import MaskloomError
from maskloom.formats.detect import find_format, load_format, read_dataset
from maskloom.formats.transfer import transfer

from . import matrix_probes, test_ade20k, test_bsds, test_cwfid, test_openimages, test_sa1b
from .conftest import write_photo
from .hostile_files import damages
from .torture import TAXONOMY, hard_masks, rows_of

SECRET = b"nothing outside may be read"


def seed(name, root):
    """A data set of a format below `root`, and the file or folder to read."""
    only_read = {
        "ade20k": lambda: (test_ade20k.old(root), test_ade20k.new(root)),
        "bsds": lambda: test_bsds.berkeley(root, do_compression=True),
        "crackforest": lambda: test_bsds.cracks(root),
        "openimages": lambda: test_openimages.put(
            root, boxes=(test_openimages.BOX_ROW,), labels=("a,x,/m/02,1",)
        ),
        "cwfid": lambda: test_cwfid.put(root),
        "sa1b": lambda: _sa1b(root),
    }
    if name in only_read:
        only_read[name]()
        return root
    fmt = load_format(name)
    photos = root.with_name("photos")
    done = transfer(_labels(fmt, photos), root, fmt, allow_loss=True)
    assert done.written
    return root


def _sa1b(root):
    write_photo(root / "sa_3.jpg", test_sa1b.SIZE)
    masks = [mask for mask in test_sa1b.torture.shapes().values() if mask.any()]
    test_sa1b.put(root, *(test_sa1b.entry(mask, i) for i, mask in enumerate(masks[:3])))


def _labels(fmt, photos):
    """Two images with objects of several kinds, or a volume."""
    if 2 not in fmt.dims:
        return matrix_probes.dataset("holes", photos, "objects", volume=True)
    hard = hard_masks()
    rows = rows_of(
        [hard["ring"], hard["frame"] & ~hard["ring"], hard["two parts"] & ~hard["frame"]],
        [0, 2, 1],
        attributes=({"occluded": True}, None, None),
        score=[0.5, np.nan, 0.25],
    )
    labels = {"a": rows, "b": rows.take(slice(0, 1))}
    samples = []
    for key in labels:
        write_photo(photos / f"{key}.png", (48, 64))
        place = ((0.5, 0.0, 400000.0), (0.0, -0.5, 5000000.0), (0.0, 0.0, 1.0))
        placed = {"affine": place, "crs": "EPSG:32633"} if fmt.name.startswith("geo") else {}
        samples.append(Sample(key, ImageRef(photos / f"{key}.png", (48, 64), **placed)))
    return Dataset(
        TAXONOMY,
        tuple(samples),
        lambda sample: Labels((48, 64), rows=labels[sample.key]),
        {"train": ("a",), "val": ("b",)},
        name="seed",
    )


class Slow(BaseException):
    """A reader took too long."""


def _too_slow(*_):
    raise Slow


def files_below(root):
    return {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in root.rglob("*") if p.is_file()}


def peak():
    """Peak memory of this process, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def attack(name, root, path, seconds=20, memory=1024):
    """Read a damaged set in every way; returns what was wrong, or None.

    Args:
        name: of its format.
        root: a folder in which `path` lies and nothing may change but `root/out`.
        path: the data set.
        seconds, memory: limits; memory in MiB above what the process has had.
    """
    signal.signal(signal.SIGALRM, _too_slow)
    before, held, start = files_below(root), peak(), time.perf_counter()
    signal.alarm(seconds)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", RuntimeWarning)
            _use(name, root, path)
    except Slow:
        return f"slower than {seconds} s:" + traceback.format_exc(limit=-4)
    except Exception as error:  # noqa: BLE001  Whatever is no message is wrong.
        return f"{type(error).__name__}: {str(error)[:200]}" + traceback.format_exc(limit=-5)
    finally:
        signal.alarm(0)
    if time.perf_counter() - start > seconds:
        return f"slower than {seconds} s"
    if peak() - held > memory:
        return f"{peak() - held} MiB"
    now = {p: s for p, s in files_below(root).items() if not p.is_relative_to(root / "out")}
    if now != before:
        return f"changed outside the target: {[str(p) for p in set(now) ^ set(before)]}"
    for file in (root / "out").rglob("*"):
        if file.is_file() and SECRET in file.read_bytes():
            return f"a file outside the set came into the target: {file}"
    return None


def _use(name, root, path):
    """Recognise, read with and without bad entries, convert."""
    for step in (
        lambda: find_format(path),
        lambda: [labels.size for _, labels in read_dataset(path, name)],
        lambda: _convert(name, root, path),
    ):
        try:
            step()
        except MaskloomError as error:
            text = error.message
            assert len(text) < 4000, text[:300]
            assert "\n" not in text, text[:300]
            assert "Traceback" not in text


def _convert(name, root, path):
    target = load_format("coco" if 2 in load_format(name).dims else "nrrd")
    transfer(read_dataset(path, name, skip_bad=True), root / "out", target, allow_loss=True)


def attacks(name, folder, n, *, rng_seed=1, start=None, stop=None, **limits):
    """Damage every file of a set in turn; yields (file, damage, fault), the fault mostly None.

    Args:
        name: of the format.
        folder: where to work; it is made.
        n: damages of each kind.
        rng_seed: of what is damaged.
        start: a set to begin with instead of a generated one.
        stop: seconds after which no further damage is tried.
        limits: of `attack`.
    """
    rng = random.Random(rng_seed)
    inner = folder / "deep/set"
    for place in (folder / "outside", folder / "deep/outside"):
        write_photo(place / "secret.png")
        with (place / "secret.png").open("ab") as file:
            file.write(SECRET)
    if start is None:
        seed(name, inner)
    else:
        shutil.copytree(start, inner)
    begin = time.perf_counter()
    yield "", "undamaged", attack(name, folder, inner)
    for file in _kinds(inner) if start is None else sorted(files_below(inner)):
        whole = file.read_bytes()
        for what, bad in damages(file.name, whole, rng, n):
            if stop is not None and time.perf_counter() - begin > stop:
                break
            shutil.rmtree(folder / "out", ignore_errors=True)
            file.write_bytes(bad)
            fault = attack(name, folder, inner, **limits)
            yield file.relative_to(inner).as_posix(), what, fault
        file.write_bytes(whole)


def _kinds(root):
    """The files of a generated set, one of each kind: those of image b are like those of a."""
    found = {}
    for path in sorted(files_below(root)):
        name = path.relative_to(root).as_posix()
        found.setdefault(re.sub(r"\b(train|val|[ab](?=[._/]))", "", name), path)
    return list(found.values())


def main(names, folder, n):
    """Attack formats in this process, with a bound on its memory; prints what was wrong."""
    resource.setrlimit(resource.RLIMIT_DATA, (4 << 30, 4 << 30))
    for name in names:
        tried = 0
        for file, what, fault in attacks(name, Path(folder) / name, n):
            tried += 1
            if fault:
                sys.stdout.write(f"{name}: {file}: {what}: {fault}\n")
        sys.stderr.write(f"{name}: {tried} tried, peak {peak()} MiB\n")


if __name__ == "__main__":
    main(sys.argv[1].split(","), sys.argv[2], int(sys.argv[3]))
