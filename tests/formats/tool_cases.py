"""Labels that are hard to say in the files of labelling tools, and their bytes."""

from __future__ import annotations

import numpy as np

from maskloom.core.labels import Labels, Rows
from maskloom.core.masks import Masks
from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.transfer import transfer

from .conftest import NUCLEUS, dataset_of, folder_bytes, objects

SIZE = (40, 56)


def hard_masks():
    """Holes, parts, lines of 1 px, single pixels, corners that touch, noise, the border."""

    def blank():
        return np.zeros(SIZE, bool)

    ring, parts, line, dot, corner, noise, border, comb, nested = (blank() for _ in range(9))
    ring[4:16, 4:16] = True
    ring[7:12, 7:12] = False
    parts[20:24, 2:9] = parts[28:33, 12:14] = True
    line[np.arange(30), np.arange(30) + 8] = True
    line[35, 3:50] = True
    dot[17, 33] = True
    corner[10:13, 20:23] = corner[13:16, 23:26] = True
    noise[:] = np.random.default_rng(3).random(SIZE) < 0.4
    border[:] = True
    border[1:-1, 1:-1] = False
    comb[5:30:2, 40:50] = True
    comb[5:30, 40] = True
    nested[10:30, 10:30] = True
    nested[12:28, 12:28] = False
    nested[16:24, 16:24] = True
    nested[19:21, 19:21] = False
    return [ring, parts, line, dot, corner, noise, border, comb, nested]


def hard_dataset(root=None):
    """Hard masks that overlap, an image of more than 255 objects, an image without any."""
    ids = np.zeros(SIZE, np.int64)
    ids[::2, ::2] = np.arange(1, 1 + 20 * 28).reshape(20, 28)
    many = Labels(SIZE, rows=Rows.make(Masks.from_id_map(ids)[0], np.zeros(560)))
    hard = objects(hard_masks())
    empty = hard.replace(rows=hard.rows.take(slice(0, 0)))
    labels = {"hard": hard, "many": many, "none": empty}
    return dataset_of(NUCLEUS, labels, root, {"train": ("hard", "many"), "val": ("none",)})


def put(dataset, target, to, *, allow_loss=False, **options):
    fmt = load_format(to)
    chosen = fmt.WriteOptions(**options) if options else None
    return transfer(dataset, target, fmt, options=chosen, allow_loss=allow_loss)


def exact(dataset, target, to, **options):
    """Written without loss and read back as it was."""
    done = put(dataset, target, to, **options)
    assert done.written, done.losses
    assert (done.changed_pixels, done.exact_objects) == (0, done.objects)
    return done


def stable(source, folder, to, **options):
    """read → write → read → write gives the same bytes."""
    exact(read_dataset(source), folder / "one", to, **options)
    exact(read_dataset(folder / "one"), folder / "two", to, **options)
    first, second = (folder_bytes(folder / name) for name in ("one", "two"))
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []
    return first


def twice(dataset, folder, to, **options):
    """Written without loss, read, written again as the same bytes; returns what is read."""
    exact(dataset, folder / "a", to, **options)
    back = read_dataset(folder / "a")
    assert put(back, folder / "b", to, **options).written
    assert folder_bytes(folder / "a") == folder_bytes(folder / "b")
    return back
