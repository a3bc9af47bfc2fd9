"""Exports compute what torch computes, say what they are, and are replaced whole."""

from __future__ import annotations

import json
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import openvino
import pytest
import torch

from maskloom.core.run import Run
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import CheckpointError, DataError, MissingExtra, UsageError, WriteError
from maskloom.inference import export
from maskloom.inference.engines.exports import export_path, found_exports, is_current
from maskloom.inference.engines.onnx_engine import OnnxEngine
from maskloom.inference.engines.openvino_engine import OpenVinoEngine
from maskloom.inference.engines.torch_engine import TorchEngine
from maskloom.inference.export import export_run
from maskloom.models import checkpoint
from maskloom.version import __version__

ENGINES = {"onnx": OnnxEngine, "openvino": OpenVinoEngine}


def noise(run: Run, rows: int, columns: int) -> np.ndarray:
    stride = run.preprocessing.stride
    size = (rows * stride, columns * stride, len(run.preprocessing.channels))
    return np.random.default_rng(rows * 100 + columns).standard_normal(size, np.float32)


def largest(run: Run, engine, rows: int, columns: int) -> float:
    image = noise(run, rows, columns)
    wanted = TorchEngine(checkpoint.load(run)).logits(image)
    got = engine.logits(image)
    assert got.shape == wanted.shape == (3, *image.shape[:2])
    assert got.dtype == np.float32
    return float(np.abs(got - wanted).max()) / max(1.0, float(np.abs(wanted).max()))


@pytest.mark.parametrize("to", ["onnx", "openvino"])
@pytest.mark.parametrize("which", ["exported", "resnet"])
def test_an_export_gives_torchs_logits_at_any_size_in_steps_of_the_stride(
    to, which, request: pytest.FixtureRequest
) -> None:
    run = request.getfixturevalue(which)
    path = export_path(run, to)
    if which == "resnet":
        done = export_run(run, to)
        assert done.path == path
        assert done.difference < 1e-5
    engine = ENGINES[to](path)
    assert (engine.name, engine.precision, engine.host) == (to, "fp32", True)
    for rows, columns in ((3, 3), (1, 9), (7, 1), (5, 8), (11, 3), (3, 3)):
        assert largest(run, engine, rows, columns) < 1e-5, (rows, columns)


def test_an_onnx_file_says_what_it_is_and_onnx_finds_no_fault(exported: Run) -> None:
    run = exported
    model = onnx.load(export_path(run, "onnx"))
    onnx.checker.check_model(model, full_check=True)
    said = {p.key.removeprefix("maskloom."): p.value for p in model.metadata_props}
    assert said["version"] == __version__
    assert said["run"] == run.id
    assert said["weights_sha256"] == run.weights_sha256
    assert said["stride"] == "4"
    assert json.loads(said["channels"]) == ["gray"]
    assert Taxonomy.from_json(json.loads(said["taxonomy"])) == run.taxonomy
    assert json.loads(said["preprocessing"])["mean"] == [0.5]
    (image,), (logits,) = model.graph.input, model.graph.output
    assert (image.name, logits.name) == ("image", "logits")
    dims = image.type.tensor_type.shape.dim
    assert [dim.dim_value for dim in dims[:2]] == [1, 1]
    assert all(dim.dim_param and not dim.dim_value for dim in dims[2:])


def test_an_openvino_model_says_the_same(exported: Run) -> None:
    run = exported
    model = openvino.Core().read_model(str(export_path(run, "openvino")))
    assert model.get_rt_info(["maskloom", "run"]).astype(str) == run.id
    taxonomy = json.loads(model.get_rt_info(["maskloom", "taxonomy"]).astype(str))
    assert Taxonomy.from_json(taxonomy) == run.taxonomy


def test_a_program_of_torch_loads_without_maskloom(run: Run) -> None:
    done = export_run(run, "torch-export")
    program = torch.export.load(done.path).module()
    image = noise(run, 5, 3)
    with torch.inference_mode():
        got = program(torch.from_numpy(image).permute(2, 0, 1)[None])[0].numpy()
    assert np.allclose(got, TorchEngine(checkpoint.load(run)).logits(image), atol=1e-5)
    with zipfile.ZipFile(done.path) as archive:
        name = next(one for one in archive.namelist() if one.endswith("maskloom.json"))
        assert json.loads(archive.read(name))["run"] == run.id


@pytest.mark.parametrize("to", ["onnx", "openvino"])
def test_an_export_of_earlier_weights_is_stale_and_replaced(write_run, copy, to) -> None:
    run = copy()
    path = export_path(run, to)
    assert is_current(run, path)
    again = write_run(run.path, seed=1)
    assert not is_current(again, path)
    assert {one.state for one in found_exports(again)} == {"older weights"}
    assert export_run(again, to).path == path
    assert is_current(again, path)
    assert largest(again, ENGINES[to](path), 2, 5) < 1e-5
    assert not [p for p in (run.path / "exports").rglob("*") if "partial" in p.name]


def test_exports_go_where_they_are_told(run: Run, tmp_path: Path) -> None:
    done = export_run(run, "onnx", tmp_path / "elsewhere")
    assert done.path == tmp_path / "elsewhere/model.onnx"
    assert done.size_bytes == done.path.stat().st_size
    assert not (run.path / "exports").exists()


@pytest.mark.parametrize("to", ["openvino", "torch-export"])
def test_an_export_that_computes_something_else_is_not_kept(run: Run, monkeypatch, to) -> None:
    # No difference is small enough: what is refused is a real export.
    monkeypatch.setattr(export, "TOLERANCE", -1.0)
    with pytest.raises(DataError, match="other logits than torch"):
        export_run(run, to)
    assert list((run.path / "exports").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_one_clear_error(run: Run) -> None:
    (run.path / "exports").write_bytes(b"")
    with pytest.raises(WriteError, match="exports"):
        export_run(run, "onnx")


def test_damaged_weights_are_not_exported(run: Run) -> None:
    file = run.path / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[-3] ^= 1
    file.write_bytes(data)
    with pytest.raises(CheckpointError, match="weights are damaged"):
        export_run(run, "onnx")
    assert not (run.path / "exports").exists()


class Fickle(torch.nn.Module):
    """Branches on the values of its input, which no graph can hold."""

    def forward(self, image):
        return image if image.sum() > 0 else -image


def test_a_network_that_branches_on_its_input_is_refused_in_one_line(run: Run) -> None:
    with pytest.raises(UsageError, match="cannot be exported") as error:
        export._program(run, Fickle())
    assert "\n" not in error.value.message


@pytest.mark.parametrize("to", ["onnx", "openvino", "torch-export"])
def test_a_network_of_boxes_is_refused(run: Run, to) -> None:
    with pytest.raises(UsageError, match="boxes with masks"):
        export_run(replace(run, model="maskrcnn"), to)


@pytest.mark.parametrize(
    ("to", "package", "extra"),
    [("onnx", "onnxscript", "onnx"), ("openvino", "openvino", "openvino")],
)
def test_a_missing_package_names_its_extra(run: Run, monkeypatch, to, package, extra) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=rf"pip install 'maskloom\[{extra}\]'"):
        export_run(run, to)
