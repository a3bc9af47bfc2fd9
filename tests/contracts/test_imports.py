from __future__ import annotations

import subprocess
import sys
import time

import pytest

from maskloom.verbs import VERBS

HEAVY = ("torch", "torchvision", "lightning", "timm", "segmentation_models_pytorch")


def loaded_by(code, names):
    """Which of the modules a fresh interpreter has loaded after running the code."""
    code += f"\nimport sys\nprint(*(name for name in {tuple(names)!r} if name in sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return run.stdout.split()


def best_of(words, runs=5):
    """Least wall time of several runs, in seconds: the others had to share the machine."""
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        subprocess.run(words, capture_output=True, check=True)
        times.append(time.perf_counter() - began)
    return min(times)


def test_importing_the_package_loads_nothing_heavy():
    assert loaded_by("import maskloom", [*HEAVY, "numba", "numpy", "cv2", "rich", "click"]) == []


def test_help_loads_no_verb_and_nothing_heavy():
    code = "from maskloom.faces.cli import main\nimport os\nmain(['--help'])\nprint()"
    names = [*HEAVY, "numba", "numpy", "fastapi", "pydantic", "rich"]
    names += [verb.target.partition(":")[0] for verb in VERBS.values()]
    assert not set(loaded_by(code, names)) & set(names)


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_a_verb_module_imports_its_workers_only_when_called(verb):
    module = VERBS[verb].target.partition(":")[0]
    assert loaded_by(f"import {module}", [*HEAVY, "numba", "cv2", "scipy", "pandas"]) == []


def test_import_takes_less_than_300_ms():
    assert best_of([sys.executable, "-c", "import maskloom"]) < 0.3


def test_help_takes_less_than_500_ms():
    assert best_of([sys.executable, "-m", "maskloom", "--help"]) < 0.5
