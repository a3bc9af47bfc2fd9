from __future__ import annotations

from pathlib import Path

import pytest

from maskloom.faces.signature import load_verb
from maskloom.verbs import VERBS, Verb


@pytest.fixture
def toys(monkeypatch):
    """Two toy verbs in the table: a short one, and a long one that fails."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setitem(VERBS, "copy", Verb("maskloom_toys:copy", "copy a thing"))
    monkeypatch.setitem(VERBS, "fail", Verb("maskloom_toys:fail", "fail", long=True))
    return {name: load_verb(name) for name in ("copy", "fail")}
