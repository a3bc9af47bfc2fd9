from __future__ import annotations

import json
import random

import pytest

from maskloom.errors import FormatError
from maskloom.formats.shared import json_outline
from maskloom.formats.shared.json_outline import outline


def written(tmp_path, text):
    path = tmp_path / "file.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def whole(found):
    """What the outline says the file holds."""
    lists = {
        key: [found.parsed(entries, i) for i in range(len(entries))]
        for key, entries in found.lists.items()
    }
    both = {**found.values, **lists}
    return both[""] if set(both) == {""} else both


def some_json(rng, depth=0):
    """A random JSON value with every kind of sign inside its strings."""
    kind = rng.randrange(7 if depth < 4 else 5)
    if kind == 0:
        return rng.choice([None, True, False, 0, -1, 12345678901234567890, 1.5, -2.25e-7])
    if kind in (1, 2):
        return "".join(rng.choices('a"\\[]{},: \n\té€😀', k=rng.randrange(12)))
    if kind in (3, 4):
        return [rng.randrange(1000) / 8 for _ in range(rng.randrange(20))]
    if kind == 5:
        return [some_json(rng, depth + 1) for _ in range(rng.randrange(5))]
    keys = ["".join(rng.choices('ab"\\,:é', k=4)) for _ in range(rng.randrange(5))]
    return {key: some_json(rng, depth + 1) for key in keys}


@pytest.mark.parametrize("block", [1, 7, 64, 1 << 22])
def test_any_object_or_list_is_what_the_parser_says(tmp_path, monkeypatch, block):
    monkeypatch.setattr(json_outline, "_BLOCK", block)
    rng = random.Random(block)
    seen = 0
    for i in range(150):
        value = {f"key{j}": some_json(rng) for j in range(rng.randrange(6))}
        if i % 3 == 0:
            value = [some_json(rng) for _ in range(rng.randrange(6))]
        text = json.dumps(value, ensure_ascii=bool(i % 2), indent=rng.choice([None, 1]))
        found = outline(written(tmp_path, text))
        assert whole(found) == value
        seen += sum(map(len, found.lists.values()))
    assert seen > 100


def test_a_byte_order_mark_and_spaces_around_are_no_text(tmp_path):
    found = outline(written(tmp_path, b'\xef\xbb\xbf \n{"a": [1, 2]}\n\n'))
    assert whole(found) == {"a": [1, 2]}


def test_a_file_without_brackets_is_one_value(tmp_path):
    assert whole(outline(written(tmp_path, " 12 "))) == 12


@pytest.mark.parametrize(
    "text",
    [
        "",
        '{"a": [1, 2]',
        '{"a": "x}',
        "]",
        '{"a": [1]} x',
        'x {"a": [1]}',
        '{"a": [1] "b": 2}',
        '{"a"}',
        "{a: [1]}",
        '{"a": [1],}',
        '{"a": tru}',
    ],
)
def test_what_is_no_json_is_refused_with_its_file(tmp_path, text):
    with pytest.raises(FormatError, match=r"file\.json: not valid JSON"):
        whole(outline(written(tmp_path, text)))


@pytest.mark.parametrize("text", ['{"a": [1, 2,]}', '{"a": [,1]}', '{"a": [1 2]}', '[{"b": }]'])
def test_a_broken_entry_is_refused_when_it_is_read(tmp_path, text):
    found = outline(written(tmp_path, text))
    with pytest.raises(FormatError, match=r"file\.json: not valid JSON"):
        whole(found)


def test_a_file_that_changes_is_not_read_on(tmp_path):
    path = written(tmp_path, '{"a": [1, 2]}')
    found = outline(path)
    path.write_text('{"a": [1, 2, 3]}')
    with pytest.raises(FormatError, match="changed while it was being read"):
        whole(found)


def test_a_deeply_nested_file_ends_in_one_error(tmp_path):
    found = outline(written(tmp_path, '{"a": [' + "[" * 200_000 + "]" * 200_000 + "]}"))
    with pytest.raises(FormatError, match="too deep to be read"):
        found.parsed(found.lists["a"], 0)


def test_chunks_cover_all_entries_in_order(tmp_path):
    values = [list(range(i % 7)) for i in range(500)]
    found = outline(written(tmp_path, json.dumps({"a": values})))
    for most in (1, 40, 10**6):
        parts = list(found.chunks(found.lists["a"], most))
        assert [part[0] for part in parts[1:]] == [part[1] for part in parts[:-1]]
        joined = [one for _, _, text in parts for one in json.loads(b"[" + text + b"]")]
        assert joined == values


@pytest.mark.parametrize("key", ["null", "1", "[1]", '{"a": 1}'])
def test_a_key_that_is_no_text_is_refused(tmp_path, key):
    path = tmp_path / "a.json"
    path.write_text(f'{{{key}: [], "images": []}}')
    with pytest.raises(FormatError, match="not valid JSON"):
        outline(path)
