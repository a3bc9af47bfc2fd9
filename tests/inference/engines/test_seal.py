"""The seal tells whose weights an export holds, and every change of a byte."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from maskloom.errors import CheckpointError
from maskloom.inference.engines.seal import check_seal, read_seal, seal_xml, sealed_onnx

WEIGHTS = "ab" * 32


@pytest.fixture(params=["onnx", "xml"])
def sealed(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"model.{request.param}"
    if request.param == "onnx":
        path.write_bytes(sealed_onnx(bytes(range(256)) * 20, WEIGHTS))
    else:
        path.write_text("<net>" + "x" * 3000 + "</net>\n", encoding="utf-8")
        path.with_suffix(".bin").write_bytes(bytes(range(256)) * 20)
        seal_xml(path, WEIGHTS)
    return path


def test_a_seal_tells_the_weights_and_holds(sealed: Path) -> None:
    assert read_seal(sealed).weights_sha256 == WEIGHTS
    assert check_seal(sealed) == read_seal(sealed)


def test_any_changed_byte_breaks_it(sealed: Path) -> None:
    rng = np.random.default_rng(0)
    for file in sealed.parent.iterdir():
        whole = file.read_bytes()
        places = [0, len(whole) - 1, *rng.integers(0, len(whole), 40).tolist()]
        for at in places:
            broken = bytearray(whole)
            broken[at] ^= 1
            file.write_bytes(broken)
            try:
                weights = check_seal(sealed).weights_sha256
            except CheckpointError:
                continue
            # Only the name of the weights is not under the hash; it then names no run's.
            assert weights != WEIGHTS, f"byte {at} of {file.name}"
        file.write_bytes(whole)
    assert check_seal(sealed).weights_sha256 == WEIGHTS


@pytest.mark.parametrize("keep", [0, 10, 100, -1])
def test_a_file_that_is_cut_short_is_refused(sealed: Path, keep: int) -> None:
    sealed.write_bytes(sealed.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match="damaged or not of maskloom"):
        read_seal(sealed)


def test_an_xml_without_its_weights_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.xml"
    path.write_text("<net/>")
    path.with_suffix(".bin").write_bytes(b"weights")
    seal_xml(path, WEIGHTS)
    path.with_suffix(".bin").unlink()
    with pytest.raises(CheckpointError, match="weights of the exported network are missing"):
        check_seal(path)
