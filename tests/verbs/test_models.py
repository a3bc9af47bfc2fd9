"""`models` as users run it: what a run is, its exports, and what goes wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from maskloom.core.outcome import plain
from maskloom.core.run import Run
from maskloom.errors import CheckpointError, UsageError
from maskloom.faces.cli import main
from maskloom.store.images import write_png
from maskloom.verbs.models import models
from maskloom.verbs.train import train


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two steps on four images of two classes."""
    root = tmp_path_factory.mktemp("trained")
    rng = np.random.default_rng(0)
    for i in range(4):
        mask = rng.random((32, 32)) < 0.4
        write_png(root / f"d/images/{i}.png", (mask * 120 + 60).astype(np.uint8))
        write_png(root / f"d/masks/{i}.png", mask.astype(np.uint8))
    tiny = ("encoder=plain", "width=4", "depth=2", "batch=2", "precision=fp32")
    train(root / "d", out=root / "run", steps=2, val="0.25", set_=tiny)
    return root / "run"


def test_a_run_is_exported_and_its_description_lists_the_export(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "info", str(trained)]) == 0
    assert "models export" in capsys.readouterr().out
    command = ["models", "export", str(trained), "--to", "onnx", "--json", "-"]
    assert main(command) == 0
    told = json.loads(capsys.readouterr().out)
    results = told["results"]
    assert told["verb"] == "models"
    assert results["path"] == str(trained / "exports/model.onnx")
    assert results["size_bytes"] == Path(results["path"]).stat().st_size
    assert 0 <= results["difference"] < 1e-4
    info = plain(models("info", trained).results)
    assert info["run"] == Run.load(trained).id
    assert [(one["to"], one["state"]) for one in info["exports"]] == [("onnx", "current")]
    # by hand: 4612 down, 652 up, 2208 to merge, 10 for the two classes
    assert info["parameters"] == 7_482
    assert info["preprocessing"]["stride"] == 4


def test_a_damaged_export_is_told(trained: Path, tmp_path: Path) -> None:
    out = models("export", trained, to="openvino")
    assert out.results["path"] == trained / "exports/openvino/model.xml"
    (trained / "exports/openvino/model.bin").write_bytes(b"")
    told = models("info", trained)
    assert "damaged" in told.warnings[0]
    assert {"to": "openvino", "state": "damaged"}.items() <= told.results["exports"][-1].items()


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"action": "export"}, UsageError, "what to export to"),
        ({"action": "info", "to": "onnx"}, UsageError, "no --to"),
        ({"action": "info", "out": Path("x")}, UsageError, "no --to"),
        ({"action": "info", "run": Path("nowhere")}, CheckpointError, "no model.safetensors"),
        ({"action": "export", "run": Path("nowhere"), "to": "onnx"}, CheckpointError, "no model"),
    ],
)
def test_wrong_arguments_are_one_clear_error(trained: Path, arguments, error, match) -> None:
    with pytest.raises(error, match=match):
        models(**{"run": trained, **arguments})


def test_info_leaves_torch_unloaded(trained: Path) -> None:
    code = (
        "import sys\nfrom maskloom.faces.cli import main\n"
        f"code = main(['models', 'info', {str(trained)!r}])\n"
        "sys.exit(code or ('torch' in sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
