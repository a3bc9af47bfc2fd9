from __future__ import annotations

import re

import pytest

from maskloom.errors import UsageError
from maskloom.registry import TABLES, find, load

ENTRIES = [(table, name) for table, entries in TABLES.items() for name in entries]


@pytest.mark.parametrize(("table", "name"), ENTRIES)
def test_every_name_of_the_registry_loads(table, name):
    assert load(table, name) is not None


@pytest.mark.parametrize(("table", "name"), ENTRIES)
def test_every_name_can_be_typed_and_is_explained_in_one_line(table, name):
    assert re.fullmatch(r"[a-z0-9][a-z0-9+-]*", name)
    about = find(table, name).about
    assert about
    assert "\n" not in about


@pytest.mark.parametrize("table", sorted(TABLES))
def test_an_unknown_name_lists_the_known(table):
    known = sorted(TABLES[table])
    with pytest.raises(UsageError) as caught:
        find(table, known[0] + "x")
    assert f"did you mean '{known[0]}'" in caught.value.message.lower()
    assert ", ".join(known) in caught.value.message
