"""Names that users type, as literal tables: name → "module:factory" with one line of help.

Nothing is imported until a name is loaded, so listing costs no torch. A new model,
method, format or metric is one small file plus one line in its table. What a factory returns
is said by its table's protocol: `formats.base.Format`, `core.segmenter.Segmenter`, ...
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
from typing import Any

from maskloom.errors import MissingExtra, UsageError
from maskloom.registry.entry import Entry
from maskloom.registry.formats import FORMATS
from maskloom.registry.learning import AUGMENTATIONS, LOSSES, METHODS, MODELS
from maskloom.registry.metrics import METRICS

__all__ = [
    "AUGMENTATIONS",
    "EXTRAS",
    "FORMATS",
    "LOSSES",
    "METHODS",
    "METRICS",
    "MODELS",
    "REFINEMENTS",
    "TABLES",
    "Entry",
    "find",
    "installed",
    "load",
]

REFINEMENTS: dict[str, Entry] = {}

TABLES: dict[str, dict[str, Entry]] = {
    "formats": FORMATS,
    "methods": METHODS,
    "models": MODELS,
    "losses": LOSSES,
    "augmentations": AUGMENTATIONS,
}

EXTRAS: dict[str, tuple[str, ...]] = {
    "train": ("torch", "torchvision", "timm", "segmentation_models_pytorch", "lightning"),
    "hf": ("transformers", "huggingface_hub"),
    "medical": ("nibabel", "pydicom", "highdicom", "SimpleITK"),
    "geo": ("rasterio", "pyproj"),
    "scale": ("ray",),
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
    "openvino": ("openvino",),
    "zarr": ("zarr",),
    "postgres": ("psycopg",),
}


def installed(extra: str) -> bool:
    """Whether every package of an extra can be imported; none is."""
    return all(importlib.util.find_spec(name) is not None for name in EXTRAS.get(extra, ()))


def find(table: str, name: str) -> Entry:
    """The entry of a name, or a UsageError that lists the known names."""
    entries = TABLES[table]
    if name not in entries:
        near = difflib.get_close_matches(name, entries, n=1)
        guess = f"did you mean {near[0]!r}? " if near else ""
        raise UsageError(
            f"unknown name among {table}",
            seen=name,
            hint=f"{guess}known {table}: {', '.join(sorted(entries))}",
        )
    return entries[name]


def load(table: str, name: str) -> Any:
    """Import and return what the entry's target names.

    Raises:
        UsageError: the name is unknown.
        MissingExtra: its optional dependencies are not installed.
    """
    entry = find(table, name)
    module, _, attribute = entry.target.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        if not entry.extra or (error.name or "").startswith("maskloom"):
            raise
        raise MissingExtra(
            f"{name!r} needs the package {error.name!r}",
            hint=f"install it with: pip install 'maskloom[{entry.extra}]'",
        ) from error
