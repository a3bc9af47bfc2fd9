"""One job of `convert` in this process: parse a COCO file, rasterise it, or convert a data set."""

from __future__ import annotations

import importlib.metadata
import json
import resource
import sys
import time
from pathlib import Path

PEER_MEMORY = 8 << 30


def maskloom(job: str, file: str) -> int:
    """Annotations parsed and checked, or the pixels of all masks."""
    from maskloom.formats.detect import read_dataset

    data = read_dataset(file, "coco")
    if job == "parse":
        return len(data.samples)
    return sum(int(labels.rows.masks.areas.sum()) for _, labels in data)


def pycocotools(job: str, file: str) -> int:
    """COCO(), then annToRLE of all annotations."""
    from pycocotools import mask
    from pycocotools.coco import COCO

    data = COCO(file)
    if job == "parse":
        return len(data.imgs)
    return sum(int(mask.area(data.annToRLE(a))) for a in data.anns.values())


def faster_coco_eval(job: str, file: str) -> int:
    """COCO(), then annToRLE of all annotations."""
    from faster_coco_eval import COCO
    from faster_coco_eval.core import mask

    data = COCO(file)
    if job == "parse":
        return len(data.imgs)
    return sum(int(mask.area(data.annToRLE(a))) for a in data.anns.values())


def supervision(job: str, file: str) -> int:
    """DetectionDataset.from_coco, which holds masks as pixels either way."""
    from supervision import DetectionDataset

    folder = str(Path(file).parent)
    data = DetectionDataset.from_coco(folder, file, force_masks=job == "rasterise")
    if job == "parse":
        return len(data.annotations)
    return sum(int(found.mask.sum()) for found in data.annotations.values() if len(found))


def datumaro(job: str, file: str) -> int:
    """Dataset.import_from, then its own transform of polygons into masks of runs."""
    from datumaro import Dataset, RleMask
    from pycocotools import mask

    data = Dataset.import_from(file, "coco_instances")
    if job == "parse":
        return sum(1 for _ in data)
    data.transform("polygons_to_masks")
    runs = (a for item in data for a in item.annotations if isinstance(a, RleMask))
    return sum(int(mask.area(a.rle)) for a in runs)


CALLS = {
    "maskloom": maskloom,
    "pycocotools": pycocotools,
    "faster-coco-eval": faster_coco_eval,
    "supervision": supervision,
    "datumaro": datumaro,
}


def one_job(tool: str, job: str, file: str, small: str) -> None:
    """Do a job twice, small and whole, and say what the second took."""
    if tool != "maskloom":
        resource.setrlimit(resource.RLIMIT_AS, (PEER_MEMORY, PEER_MEMORY))
    call = CALLS[tool]
    call(job, small)
    before, start, wall = peak_mb(), time.process_time(), time.perf_counter()
    seen = call(job, file)
    row = {
        "cpu_s": round(time.process_time() - start, 3),
        "wall_s": round(time.perf_counter() - wall, 3),
        "imported_mb": before,
        "peak_mb": peak_mb(),
        "seen": seen,
        "version": version(tool),
    }
    print("\n" + json.dumps(row), flush=True)


def peak_mb() -> int:
    """Largest resident memory of this process so far.

    Not ru_maxrss where the system tells better: that of a process begins with its parent's.
    """
    status = Path("/proc/self/status")
    for line in status.read_text().splitlines() if status.exists() else ():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) >> 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def version(tool: str) -> str:
    """The release that is installed."""
    return importlib.metadata.version(tool)


def one_conversion(name: str, source: str, target: str) -> None:
    """Do what `maskloom convert` does, and say what it took."""
    from maskloom.formats.detect import load_format, read_dataset
    from maskloom.formats.transfer import transfer

    start, wall = time.process_time(), time.perf_counter()
    done = transfer(read_dataset(source), Path(target), load_format(name))
    row = {
        "to": name,
        "cpu_s": round(time.process_time() - start, 1),
        "wall_s": round(time.perf_counter() - wall, 1),
        "peak_mb": peak_mb(),
        "objects": done.objects,
        "exact_objects": done.exact_objects,
        "changed_pixels": done.changed_pixels,
    }
    print("\n" + json.dumps(row), flush=True)


if __name__ == "__main__":
    (one_conversion if sys.argv[1] == "convert" else one_job)(*sys.argv[2:])
