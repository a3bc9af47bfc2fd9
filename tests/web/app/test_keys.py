"""Keys on the page, by the words of the help sheet."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser


def test_q_walks_through_the_objects_and_shift_q_back(tab):
    seen = []
    for key in ("q", "q", "Shift+Q"):
        tab.key(key)
        seen.append(tab.value("maskloom.store.state.selected"))
    assert seen[0] == seen[2] != seen[1]
