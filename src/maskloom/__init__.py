"""maskloom: image segmentation from raw images to masks that can be trusted.

The nouns and the verbs, by name; each is imported when it is first used, so that
`import maskloom` costs nothing. Start with `maskloom.demo()` or docs/index.md.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from maskloom.version import __version__

if TYPE_CHECKING:
    from maskloom.core.dataset import Dataset
    from maskloom.core.labels import Labels
    from maskloom.core.masks import Masks
    from maskloom.core.recipe import Recipe
    from maskloom.core.report import Report
    from maskloom.core.run import Run
    from maskloom.core.sample import Sample
    from maskloom.core.segmenter import Prediction, Prompt, Segmenter
    from maskloom.core.taxonomy import Category, Taxonomy
    from maskloom.verbs.check import check
    from maskloom.verbs.convert import convert
    from maskloom.verbs.demo import demo
    from maskloom.verbs.evaluate import evaluate
    from maskloom.verbs.export import export
    from maskloom.verbs.import_ import import_
    from maskloom.verbs.init import init
    from maskloom.verbs.predict import predict
    from maskloom.verbs.review import review
    from maskloom.verbs.taxonomy import taxonomy
    from maskloom.verbs.train import train

__all__ = [
    "Category",
    "Dataset",
    "Labels",
    "Masks",
    "Prediction",
    "Prompt",
    "Recipe",
    "Report",
    "Run",
    "Sample",
    "Segmenter",
    "Taxonomy",
    "__version__",
    "check",
    "convert",
    "demo",
    "evaluate",
    "export",
    "import_",
    "init",
    "predict",
    "review",
    "taxonomy",
    "train",
]

_HOMES = {
    "Category": "maskloom.core.taxonomy",
    "Dataset": "maskloom.core.dataset",
    "Labels": "maskloom.core.labels",
    "Masks": "maskloom.core.masks",
    "Prediction": "maskloom.core.segmenter",
    "Prompt": "maskloom.core.segmenter",
    "Recipe": "maskloom.core.recipe",
    "Report": "maskloom.core.report",
    "Run": "maskloom.core.run",
    "Sample": "maskloom.core.sample",
    "Segmenter": "maskloom.core.segmenter",
    "Taxonomy": "maskloom.core.taxonomy",
    "check": "maskloom.verbs.check",
    "convert": "maskloom.verbs.convert",
    "demo": "maskloom.verbs.demo",
    "evaluate": "maskloom.verbs.evaluate",
    "export": "maskloom.verbs.export",
    "import_": "maskloom.verbs.import_",
    "init": "maskloom.verbs.init",
    "predict": "maskloom.verbs.predict",
    "review": "maskloom.verbs.review",
    "taxonomy": "maskloom.verbs.taxonomy",
    "train": "maskloom.verbs.train",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'maskloom' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
