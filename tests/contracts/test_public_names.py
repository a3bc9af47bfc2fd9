from __future__ import annotations

import subprocess
import sys

import pytest

import maskloom

PINNED = [
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


def test_the_public_names_are_these():
    assert maskloom.__all__ == PINNED
    assert dir(maskloom) == PINNED


@pytest.mark.parametrize("name", PINNED)
def test_every_public_name_can_be_imported(name):
    value = getattr(maskloom, name)
    assert value is not None
    if name.islower() and not name.startswith("_"):
        assert callable(value)
        assert value.__name__ == name


def test_a_verb_stays_a_function_after_its_module_is_imported():
    code = "import maskloom.verbs.check, maskloom; assert callable(maskloom.check)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nothing_like_it"):
        maskloom.nothing_like_it  # noqa: B018
