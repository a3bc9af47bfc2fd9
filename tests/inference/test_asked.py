"""Options of a run that cannot be are refused before an image is read."""

from __future__ import annotations

import pytest

from maskloom.errors import UsageError
from maskloom.inference.asked import ModelOptions


@pytest.mark.parametrize("memory", [0.0, 0.7, 0.78, 0.84])
def test_memory_below_what_a_process_takes_is_refused(memory):
    with pytest.raises(UsageError, match="option memory is out of range") as caught:
        ModelOptions(memory=memory)
    assert "at least 0.95 GiB" in caught.value.hint


def test_the_smallest_memory_is_taken():
    assert ModelOptions(memory=0.95).tiles.memory == 0.95
