"""`--engine auto` is one engine in all processes of a call, and the driver knows which."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from functools import partial

import numpy as np
import pytest
import torch

from maskloom.faces.cli import main
from maskloom.inference.asked import ModelOptions, author_of, maker_of, resolved
from maskloom.inference.engines import measure
from maskloom.inference.engines.choose import open_engine
from maskloom.inference.engines.machine import machine_key
from maskloom.inference.maker import made
from maskloom.inference.open_run import open_run
from maskloom.inference.request import PredictRequest
from maskloom.inference.tiling.choose import field_of
from maskloom.store.images import write_png
from maskloom.work.executors import open_executor


@pytest.fixture
def remembering(copy, monkeypatch):
    """A run whose fastest engine is another with one thread than with the two of this process."""
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    run = copy()
    for threads, name in ((1, "onnx"), (2, "openvino")):
        one = measure.Measured(name, "fp32", 1.0, 1.0)
        measure.remember(run, machine_key(threads), one, [one])
    return run


def request_of(model, tmp_path, **changes):
    return PredictRequest(
        source=str(tmp_path), model=str(model), out=tmp_path / "out", format="auto", from_=None,
        split=None, images=None, map_=(), allow_loss=False, confidence=False, set_=(),
        engines=changes.pop("engines", ("auto",)), **changes,
    )  # fmt: skip


def engines_of(make, shard):
    """What computes in the process that asks."""
    return [made(make).engine.name for _ in shard]


def test_two_workers_compute_with_the_engine_that_the_driver_names(remembering, tmp_path):
    request = resolved(request_of(remembering.path, tmp_path, workers=2), ModelOptions())
    assert request.engine == "onnx"  # workers have one thread each
    make = maker_of(request, ModelOptions(), None)
    # whatever the workers would find themselves by now
    one = measure.Measured("openvino", "fp32", 1.0, 1.0)
    measure.remember(remembering, machine_key(1), one, [one])
    with open_executor("local", 2) as executor:
        found = dict(executor.map(partial(engines_of, make), [(1,), (2,), (3,), (4,)]))
    assert {name for names in found.values() for name in names} == {"onnx"}
    assert author_of(request, make).name == remembering.layer


def test_one_worker_computes_with_all_threads(remembering, tmp_path):
    request = resolved(request_of(remembering.path, tmp_path), ModelOptions())
    assert request.engine == "openvino"
    make = maker_of(request, ModelOptions(), None)
    assert author_of(request, make).engine.name == "openvino"


@pytest.mark.parametrize(
    ("engines", "wanted"),
    [(("ray", "auto"), ("onnx", "ray")), (("onnx",), ("onnx",)), ((), ()), (("ray",), ("ray",))],
)
def test_only_auto_is_replaced(remembering, tmp_path, engines, wanted):
    request = request_of(remembering.path, tmp_path, engines=engines)
    assert resolved(request, ModelOptions()).engines == wanted


def test_measuring_for_workers_leaves_the_threads_of_this_process(copy, tmp_path, monkeypatch):
    monkeypatch.setattr(measure, "SECONDS", 0.05)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        request = resolved(request_of(copy().path, tmp_path, workers=2), ModelOptions())
        assert request.engine in ("torch", "onnx", "openvino")
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_a_method_has_nothing_to_choose(tmp_path):
    request = request_of("otsu", tmp_path, engines=("auto", "ray"))
    assert resolved(request, None).engines == ("ray",)


def test_the_journal_names_the_engine_of_the_workers(remembering, tmp_path):
    (tmp_path / "in").mkdir()
    for name in "ab":
        pixels = np.random.default_rng(ord(name)).integers(0, 255, (24, 24)).astype(np.uint8)
        write_png(tmp_path / "in" / f"{name}.png", pixels)
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        code = main(
            ["predict", str(tmp_path / "in"), "--model", str(remembering.path),
             "--out", str(tmp_path / "out"), "--engine", "auto", "--workers", "2",
             "--shard", "1/2"]
        )  # fmt: skip
    assert code == 0
    journal = json.loads((tmp_path / "out.partial" / "journal.json").read_text())
    assert journal["engine"] == "onnx"


@pytest.mark.parametrize("engine", ["torch", "onnx", "openvino"])
def test_any_engine_is_probed_once(exported, engine):
    segmenter = open_run(exported.path, device="cpu", engine=engine)
    assert field_of(segmenter) is field_of(segmenter)


@pytest.mark.parametrize("engine", ["torch", "openvino"])
def test_what_plans_go_by_does_not_depend_on_the_precision(write_run, exported, tmp_path, engine):
    half = write_run(tmp_path / "half", precision="bf16")
    a, b = (open_engine(run, engine=engine, device="cpu") for run in (half, exported))
    assert a.bytes_per_pixel_fp32 == b.bytes_per_pixel_fp32 == b.bytes_per_pixel
