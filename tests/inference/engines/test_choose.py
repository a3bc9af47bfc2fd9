"""`open_engine`: exports on first use, keeps torch out, remembers what was fastest here."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from maskloom.core.run import Run
from maskloom.errors import CheckpointError, MissingExtra, UsageError
from maskloom.inference.engines import measure
from maskloom.inference.engines.choose import open_engine
from maskloom.inference.engines.exports import export_path
from maskloom.inference.engines.fuse import fused
from maskloom.inference.engines.machine import cpu_name, machine_key, thread_count
from maskloom.inference.engines.torch_engine import TorchEngine
from maskloom.models import checkpoint
from maskloom.work import progress


class Steps(progress.Silent):
    """Keeps what was announced."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def step(self, text: str) -> None:
        self.said.append(text)


def said_by(run: Run, **how) -> tuple[str, list[str]]:
    """The engine that was opened, and what was announced on the way."""
    steps = Steps()
    with progress.using(steps):
        engine = open_engine(run, **how)
    return engine.name, steps.said


def image(run: Run, rows: int = 5, columns: int = 7) -> np.ndarray:
    stride = run.preprocessing.stride
    return np.random.default_rng(1).standard_normal(
        (rows * stride, columns * stride, 1), np.float32
    )


@pytest.mark.parametrize("name", ["torch", "onnx", "openvino"])
def test_every_engine_gives_the_same_logits(exported: Run, name) -> None:
    wanted = TorchEngine(checkpoint.load(exported)).logits(image(exported))
    engine = open_engine(exported, engine=name, device="cpu")
    assert engine.name == name
    assert engine.bytes_per_pixel > 50
    got = engine.logits(image(exported))
    assert np.abs(got - wanted).max() < 1e-5
    assert np.array_equal(engine.logits(image(exported)), got)


def test_results_of_earlier_passes_are_not_overwritten(exported: Run) -> None:
    for name in ("onnx", "openvino"):
        engine = open_engine(exported, engine=name)
        first = engine.logits(image(exported))
        kept = first.copy()
        engine.logits(image(exported) + 1)
        assert np.array_equal(first, kept)


def test_the_first_use_exports_and_the_next_does_not(run: Run) -> None:
    assert said_by(run, engine="onnx") == ("onnx", [f"exporting {run.id} for onnx"])
    assert said_by(run, engine="onnx") == ("onnx", [])


def test_weights_of_a_new_training_are_exported_anew(write_run, copy: Callable[[], Run]) -> None:
    again = write_run(copy().path, seed=1)
    assert said_by(again, engine="openvino")[1] == [f"exporting {again.id} for openvino"]
    got = open_engine(again, engine="openvino").logits(image(again))
    assert np.abs(got - TorchEngine(checkpoint.load(again)).logits(image(again))).max() < 1e-5


def test_a_run_whose_folder_cannot_be_written_is_exported_elsewhere(run: Run) -> None:
    (run.path / "exports").write_bytes(b"")
    name, said = said_by(run, engine="onnx")
    assert name == "onnx"
    assert any("temporary folder" in text for text in said)


@pytest.mark.parametrize("name", ["onnx", "openvino"])
@pytest.mark.parametrize("damage", ["cut", "changed", "other"])
def test_a_damaged_export_is_one_clear_error(copy: Callable[[], Run], name, damage) -> None:
    run = copy()
    path = export_path(run, name)
    data = bytearray(path.read_bytes())
    if damage == "changed":
        data[len(data) // 2] ^= 1
    path.write_bytes({"cut": data[:-40], "changed": data, "other": b"no network"}[damage])
    with pytest.raises(CheckpointError, match="damaged") as error:
        open_engine(run, engine=name)
    assert "made again" in error.value.hint


@pytest.mark.parametrize(("name", "package"), [("onnx", "onnxruntime"), ("openvino", "openvino")])
def test_an_engine_that_is_not_installed_names_its_extra(
    exported: Run, monkeypatch, name, package
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=rf"pip install 'maskloom\[{name}\]'"):
        open_engine(exported, engine=name)


@pytest.mark.parametrize(
    ("how", "match"),
    [
        ({"engine": "tensorflow"}, "unknown engine"),
        ({"engine": "onnx", "device": "cuda"}, "CPU alone"),
        ({"engine": "openvino", "device": "cuda:1"}, "CPU alone"),
        ({"engine": "onnx", "threads": 0}, "needs a thread"),
    ],
)
def test_what_does_not_go_together_is_refused(exported: Run, how, match) -> None:
    with pytest.raises(UsageError, match=match):
        open_engine(exported, **how)


@pytest.mark.parametrize("name", ["torch", "onnx", "auto"])
def test_a_network_of_boxes_has_no_engine(exported: Run, tmp_path, name) -> None:
    run = replace(exported, path=tmp_path, model="maskrcnn")
    with pytest.raises(UsageError, match="boxes with masks"):
        open_engine(run, engine=name, device="cpu")


def test_an_exported_run_is_computed_without_torch(exported: Run) -> None:
    code = f"""
import sys
from pathlib import Path
import numpy as np
from maskloom.core.run import Run
from maskloom.inference.engines.choose import open_engine
run = Run.load(Path({str(exported.path)!r}))
for name in ("onnx", "openvino"):
    assert open_engine(run, engine=name).logits(np.zeros((8, 12, 1), np.float32)).shape == (3, 8, 12)
print([name for name in ("torch", "onnx", "safetensors") if name in sys.modules])
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space")
def test_a_pass_that_does_not_fit_is_a_memory_error(exported: Run) -> None:
    code = f"""
import resource
from pathlib import Path
import numpy as np
from maskloom.core.run import Run
from maskloom.inference.engines.choose import open_engine
run = Run.load(Path({str(exported.path)!r}))
engines = [open_engine(run, engine=name, device="cpu") for name in ("torch", "onnx", "openvino")]
for engine in engines:
    engine.logits(np.zeros((8, 12, 1), np.float32))
image = np.zeros((6000, 6000, 1), np.float32)
held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + (1 << 28),) * 2)
for engine in engines:
    try:
        engine.logits(image)
    except MemoryError:
        print(engine.name)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["torch", "onnx", "openvino"]


def test_auto_takes_the_fastest_that_agrees_and_says_why_and_remembers(
    copy: Callable[[], Run], monkeypatch
) -> None:
    monkeypatch.setattr(measure, "SECONDS", 0.05)
    run = copy()
    name, said = said_by(run, engine="auto", device="cpu", threads=1)
    kept = json.loads((run.path / "exports/engine.json").read_text())
    ((key, choice),) = kept["choices"].items()
    assert key == machine_key(1)
    assert cpu_name() in key
    measured = {one["engine"]: one for one in choice["measured"]}
    assert set(measured) == {"torch", "onnx", "openvino"}
    assert all(one["agreement"] == 1.0 for one in measured.values())
    assert name == choice["engine"] == min(measured, key=lambda one: measured[one]["ms"])
    assert f"engine {name}: the fastest of torch fp32" in said[-1]
    again = said_by(run, engine="auto", device="cpu", threads=1)
    assert again == (name, [f"engine {name}: measured before on this machine"])


def test_what_auto_remembers_is_of_one_machine_and_these_weights(
    write_run, copy: Callable[[], Run]
) -> None:
    run = copy()
    one = measure.Measured("openvino", "fp32", 3.0, 1.0)
    measure.remember(run, "a machine", one, [one])
    measure.remember(run, "another", measure.Measured("onnx", "fp32", 3.0, 1.0), [one])
    assert measure.remembered(run, "a machine") == "openvino"
    assert measure.remembered(run, "another") == "onnx"
    assert measure.remembered(run, "a third") is None
    assert measure.remembered(write_run(run.path, seed=1), "a machine") is None


@pytest.mark.parametrize("text", ["", "[]", '{"weights_sha256": 3}', "null"])
def test_a_damaged_memory_is_measured_again(copy: Callable[[], Run], text) -> None:
    run = copy()
    (run.path / "exports/engine.json").write_text(text)
    assert measure.remembered(run, "a machine") is None


def test_an_engine_that_sees_other_classes_is_left_out() -> None:
    torch_, other = (
        measure.Measured("torch", "fp32", 9.0, 1.0),
        measure.Measured("onnx", "fp32", 3.0, 0.9),
    )
    assert measure.best([torch_, other]) == torch_
    assert "onnx left out: 90.0% of the sure pixels" in measure.said(torch_, [torch_, other])


def test_agreement_counts_the_classes_of_sure_pixels(exported: Run, write_run, tmp_path) -> None:
    reference = open_engine(exported, device="cpu")
    other = open_engine(write_run(tmp_path / "other", seed=5), device="cpu")
    assert measure.measure(exported, other, reference, 0).agreement < 0.9
    assert measure.measure(exported, reference, reference, 0).agreement == 1.0


def test_bf16_is_the_runs_choice_and_stays_near_fp32(write_run, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", precision="bf16")
    exact = TorchEngine(checkpoint.load(run)).logits(image(run))
    for name in ("torch", "openvino", "onnx"):
        engine = open_engine(run, engine=name, device="cpu")
        assert engine.precision in (("fp32",) if name == "onnx" else ("fp32", "bf16"))
        difference = np.abs(engine.logits(image(run)) - exact).max() / np.abs(exact).max()
        assert difference < (1e-5 if engine.precision == "fp32" else 0.1)


def test_normalisations_are_folded_and_the_network_itself_is_not_changed(exported: Run) -> None:
    network = checkpoint.load(exported)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    example = torch.randn(1, 1, 8, 12, generator=torch.Generator().manual_seed(0))
    folded = fused(network, example)
    assert folded is not None
    assert not [m for m in folded.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert all(torch.equal(before[n], v) for n, v in network.state_dict().items())
    large = torch.randn(1, 1, 40, 52, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        assert torch.allclose(folded(large), network(large), atol=1e-5)


class Shared(torch.nn.Module):
    """A convolution that is normalised, and read a second time as it is."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(1, 2, 3, padding=1)
        self.norm = torch.nn.BatchNorm2d(2)

    def forward(self, image):
        found = self.conv(image)
        return self.norm(found) + found


def test_a_convolution_that_others_read_is_not_folded() -> None:
    assert fused(Shared().eval(), torch.zeros(1, 1, 8, 8)) is None


@pytest.mark.parametrize(("text", "count"), [("3", 3), ("2,4", 2), ("0", None), ("many", None)])
def test_threads_come_from_the_environment(monkeypatch, text, count) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    cores = thread_count()
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    assert thread_count() == (count or cores)
    assert thread_count(7) == 7
