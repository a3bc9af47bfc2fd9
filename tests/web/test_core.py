"""The page's model of a gesture answers the shared cases like Python's."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("part", "least"), [("tiles", 150), ("fill", 300), ("operations", 180)])
def test_the_page_answers_the_shared_cases(page, part, least):
    seen = page.evaluate("async (part) => (await import('/tests/web/vectors.js'))[part]()", part)
    assert seen["faults"] == []
    assert seen["checks"] >= least
