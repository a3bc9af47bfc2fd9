from __future__ import annotations

from collections import Counter
from functools import partial

import pytest
from tests.work import chores

from maskloom.errors import UsageError
from maskloom.work.executors import open_executor, worker_count
from maskloom.work.progress import Silent, using
from maskloom.work.shards import EachItem, Share, cut, key_hash, run_items


@pytest.mark.parametrize("text", ["0/4", "5/4", "1/0", "1", "1/", "/4", "a/b", "-1/4", "1/4/2", "", "1.0/2"])  # fmt: skip
def test_a_share_that_is_none_is_refused_with_the_rule(text):
    with pytest.raises(UsageError, match=r"--shard: no such shard.*from 1 to N"):
        Share.parse(text)


def test_a_share_reads_as_it_is_written():
    assert Share.parse(" 3/8 ") == Share(3, 8)
    assert str(Share(3, 8)) == "3/8"


def test_every_key_is_of_exactly_one_share():
    keys = [f"folder/{i} ü" for i in range(500)]
    counts = Counter(n for key in keys for n in range(1, 8) if Share(n, 7).has(key))
    assert sum(counts.values()) == 500
    assert min(counts.values()) > 40


def test_the_hash_of_a_key_is_that_of_sha256():
    # Calls of one batch may run on different machines and versions: the rule must not change.
    assert key_hash("abc") == 0xBA7816BF8F01CFEA  # FIPS 180-2, appendix B.1
    assert Share(0xBA7816BF8F01CFEA % 5 + 1, 5).has("abc")


@pytest.mark.parametrize(("n", "workers", "size"), [(10, 1, 3), (1000, 2, 125), (100_000, 2, 1024)])
def test_shards_hold_each_item_once_and_are_of_one_size(n, workers, size):
    shards = cut(range(n), str, workers)
    assert sorted(item for shard in shards for item in shard) == list(range(n))
    assert {len(shard) for shard in shards[:-1]} == {size}


def test_shards_do_not_depend_on_the_order_of_items():
    assert cut(range(50), str, 2) == cut(range(49, -1, -1), str, 2)


def test_nothing_makes_no_shards():
    assert cut([], str, 2) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_items_that_raise_are_named_and_the_rest_is_done(workers):
    items = [(f"k{i}", i) for i in range(100)]
    work = EachItem(partial(chores.make_poisoned, (7, 60), ()))
    with open_executor("local", workers) as executor:
        found = {item.key: item for item in run_items(executor, work, items, "doing")}
    assert len(found) == 100
    assert {k: i.failure for k, i in found.items() if i.failure} == {
        "k7": "k7: is rotten (saw 7).",
        "k60": "k60: is rotten (saw 60).",
    }
    assert [found[f"k{i}"].value for i in (0, 8, 99)] == [0, 16, 198]


def test_one_percent_that_raises_or_kills_leaves_the_rest_complete():
    items = [(f"k{i}", i) for i in range(400)]
    work = EachItem(partial(chores.make_poisoned, (5, 250), (100, 333)))
    with open_executor("local", 2) as executor:
        found = {item.key: item for item in run_items(executor, work, items, "doing")}
    failed = {key: item.failure for key, item in found.items() if item.failure}
    assert sorted(failed) == ["k100", "k250", "k333", "k5"]
    assert "worker process died 2 times, the last killed by SIGKILL" in failed["k100"]
    assert failed["k100"].startswith("k100: ")
    assert all(item.value == 2 * int(key[1:]) for key, item in found.items() if key not in failed)


@pytest.mark.parametrize("workers", [1, 2])
def test_work_that_cannot_be_made_ends_the_batch(workers):
    work = EachItem(chores.make_nothing)
    with (
        open_executor("local", workers) as executor,
        pytest.raises(UsageError, match="cannot be made"),
    ):
        list(run_items(executor, work, [("a", 1), ("b", 2)], "doing"))


def test_workers_are_counted_as_users_mean_them():
    assert worker_count(3) == 3
    assert worker_count(0) >= 1
    with pytest.raises(UsageError, match="--workers: workers are 0 or more"):
        worker_count(-1)
    with pytest.raises(UsageError, match="Say local or ray"):
        open_executor("spark", 2)  # type: ignore[arg-type]


def test_no_items_have_no_bar():
    class Loud(Silent):
        def open(self, label, total, unit):
            raise AssertionError(label)

    with open_executor("local", 1) as executor, using(Loud()):
        assert not list(run_items(executor, EachItem(partial(int)), [], "doing"))
