from __future__ import annotations

import pytest

from maskloom.errors import WriteError
from maskloom.formats.shared import spool
from maskloom.formats.shared.spool import Spool


@pytest.mark.parametrize("quick", [0, 1 << 22])
def test_values_come_back_in_any_order_and_leave_no_file(tmp_path, monkeypatch, quick):
    monkeypatch.setattr(spool, "_QUICK", max(1, quick))
    values = [[{"id": i, "note": "x" * (i % 50), "big": 10**30 + i}] for i in range(300)]
    kept = Spool(tmp_path / "absent" / "target.json")
    for value in values[:200]:
        kept.append(value)
    assert kept.get(7) == values[7]
    for value in values[200:]:
        kept.append(value)
    assert len(kept) == 300
    assert all(kept.get(i) == values[i] for i in (299, 0, 150, 8))
    del kept
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_error_that_names_the_target(tmp_path, monkeypatch):
    import errno

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(spool.tempfile, "SpooledTemporaryFile", full)
    with pytest.raises(WriteError, match=r"target\.json"):
        Spool(tmp_path / "target.json").append(1)
