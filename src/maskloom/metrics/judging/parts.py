"""What one of several calls counted, as a file that the others can read and need not trust.

    PARTS/I-of-N.npz    a JSON head (rows, seals, small numbers) and arrays, never pickles

Every part says what it is of: pairs, classes, terms and, in seals of each sample, labels. Parts
of other evaluations are refused: here by all but the seals, by these in `spread.py`, where the
data are read again.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.errors import DataError
from maskloom.metrics.judging.align import Comparison
from maskloom.metrics.judging.count import Counted, slice_of
from maskloom.metrics.judging.families import families_of
from maskloom.metrics.judging.frames import place_of
from maskloom.metrics.judging.judge import Terms
from maskloom.metrics.judging.seals import SIDES
from maskloom.metrics.judging.tally import Tally
from maskloom.store.files import atomic_write_bytes
from maskloom.version import __version__
from maskloom.work.shards import Share


@dataclass(frozen=True, slots=True)
class PartFile:
    """A part as it was read.

    Args:
        path: of the file.
        sha256: of its bytes.
    """

    path: Path
    sha256: str

    def remove(self) -> None:
        """Remove the file, unless a later call has put another in its place."""
        # One that cannot be removed does no harm: it is compared with the data when next read.
        with suppress(OSError):
            if hashlib.sha256(self.path.read_bytes()).hexdigest() == self.sha256:
                self.path.unlink()


def fingerprint(pair_up: Comparison, terms: Terms, task: str) -> str:
    """What an evaluation is of but for labels: pairs, slices, classes, terms and version."""
    pairs = [
        (p.truth.key, p.predicted and p.predicted.key, p.order, slice_of(p.truth, terms.by))
        + (place_of(p.truth) or ())
        for p in pair_up.pairs
    ]
    sides = [pair_up.truth.taxonomy.hash, pair_up.predicted.taxonomy.hash, pair_up.taxonomy.hash]
    ends = sorted((name, a.key, a.index, b.index) for name, (a, b) in pair_up.ends.items())
    rules = [asdict(terms.convention), asdict(terms.settings)]
    kinds = families_of(task, terms.metrics)
    said = [__version__, task, terms.by, terms.missing, sorted(terms.renames.items()), rules, kinds]
    text = json.dumps([said, sides, pairs, ends], sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def save_part(folder: Path, share: Share, counted: Counted, of: str) -> None:
    """Write a part by temp file and rename.

    Raises:
        WriteError: the folder cannot be written.
    """
    arrays: dict[str, NDArray[Any]] = {}
    slices = []
    for n, (name, tally) in enumerate(sorted(counted.slices.items())):
        arrays |= {f"{n}.{key}": value for key, value in tally.state().items()}
        slices.append({"name": name, "samples": tally.samples})
    rows = sorted(counted.rows.items())
    head = {"of": of, "rows": rows, "seals": counted.seals, "slices": slices}
    arrays["head"] = np.frombuffer(json.dumps(head).encode(), np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    atomic_write_bytes(_file(folder, share), buffer.getbuffer())


def load_part(
    folder: Path, share: Share, of: str, empty: Callable[[], Tally]
) -> tuple[Counted, PartFile]:
    """Read a part back.

    Args:
        folder: of the parts.
        share: whose part.
        of: what it must be of.
        empty: makes a tally that has counted nothing.

    Raises:
        DataError: it is damaged, or of another evaluation.
        FileNotFoundError: another call has removed it.
    """
    file = _file(folder, share)
    again = f"remove it and run --shard {share} again"
    try:
        whole = file.read_bytes()
        with np.load(io.BytesIO(whole), allow_pickle=False) as found:
            arrays = dict(found)
        head = json.loads(arrays["head"].tobytes())
        if head["of"] != of:
            raise DataError(
                "the part is of other data or other options",
                where=file,
                seen=str(head["of"])[:12],
                hint=f"give every shard the same arguments; {again}",
            )
        counted = Counted({int(i): dict(row) for i, row in head["rows"]})
        counted.seals = {side: dict(head["seals"][side]) for side in SIDES}
        for n, one in enumerate(head["slices"]):
            tally, first = empty(), f"{n}."
            own = {k[len(first) :]: v for k, v in arrays.items() if k.startswith(first)}
            tally.load(own, int(one["samples"]))
            counted.slices[str(one["name"])] = tally
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise DataError("the part is damaged", where=file, seen=error, hint=again) from error
    return counted, PartFile(file, hashlib.sha256(whole).hexdigest())


def waiting_parts(folder: Path, of: int) -> tuple[int, ...]:
    """Numbers of the shares that have left no part."""
    return tuple(n for n in range(1, of + 1) if not _file(folder, Share(n, of)).is_file())


def _file(folder: Path, share: Share) -> Path:
    return folder / f"{share.number}-of-{share.of}.npz"
