"""`check`, `convert` and `evaluate` run on labels alone, without torch."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest


@pytest.fixture
def dataset(tmp_path):
    """Two 6 × 8 images with one box polygon each, as COCO, without the images."""
    ring = [1, 1, 5, 1, 5, 4, 1, 4]
    coco = {
        "images": [{"id": at, "file_name": f"{at}.png", "width": 8, "height": 6} for at in (1, 2)],
        "categories": [{"id": 1, "name": "thing"}],
        "annotations": [
            {
                "id": at,
                "image_id": at,
                "category_id": 1,
                "segmentation": [ring],
                "bbox": [1, 1, 4, 3],
                "area": 12,
                "iscrowd": 0,
                "score": 0.9,
            }
            for at in (1, 2)
        ],
    }
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(coco))
    return path


@pytest.mark.parametrize(
    "words",
    [
        ["check", "labels.json"],
        ["convert", "labels.json", "maps", "--to", "bitmap", "--allow-loss"],
        ["evaluate", "labels.json", "labels.json", "--task", "instance"],
        ["list", "formats"],
        ["list", "models"],
    ],
)
def test_the_verb_leaves_torch_unloaded(words, dataset):
    code = (
        "import sys\nfrom maskloom.faces.cli import main\n"
        f"code = main({words!r})\n"
        "heavy = [name for name in ('torch', 'lightning', 'timm') if name in sys.modules]\n"
        "sys.exit(f'loaded {heavy}' if heavy else 3 + code)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=dataset.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode in (3, 4), run.stderr
