"""What is wrong with a request is told before anything is read."""

from __future__ import annotations

import pytest

from maskloom.errors import UsageError
from maskloom.inference.request import PredictRequest, checked


def request_of(tmp_path, **changes):
    values = {
        "source": str(tmp_path), "model": "otsu", "out": tmp_path.with_name("out"),
        "format": "auto", "from_": None, "split": None, "images": None, "map_": (),
        "allow_loss": False, "confidence": True, "set_": (),
    }  # fmt: skip
    return PredictRequest(**{**values, **changes})


def test_engines_are_told_by_their_names(tmp_path):
    request = request_of(tmp_path, engines=("ray", "openvino"))
    assert (request.engine, request.cluster) == ("openvino", "ray")
    assert (request_of(tmp_path).engine, request_of(tmp_path).cluster) == ("torch", "local")


@pytest.mark.parametrize(
    ("engines", "message"),
    [
        (("onnx", "torch"), "two engines of one kind"),
        (("ray", "local"), "two engines of one kind"),
        (("tensorrt",), "unknown engine"),
        (("onnx",), "a method has no network"),
    ],
)
def test_engines_that_cannot_be_are_refused(tmp_path, engines, message):
    with pytest.raises(UsageError, match=message):
        checked(request_of(tmp_path, engines=engines))
