"""Extensions behind a NIfTI header, and the label table that some of them are.

Source: NIfTI-1.1, "extended header"; Caret label tables, the XML of ecode 30, as TotalSegmentator
and Connectome Workbench write them.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping

from maskloom.store.nifti_header import byte_order

_LABEL = re.compile(rb'<Label Key="(-?\d+)"([^>]*)>\s*<!\[CDATA\[(.*?)\]\]>\s*</Label>', re.DOTALL)
_LABELS = re.compile(rb"(?:" + _LABEL.pattern + rb"\s*)+", re.DOTALL)
_PLAIN = b' Red="0.5" Green="0.5" Blue="0.5" Alpha="1"'
_STEP = 16


def label_names(raw: bytes) -> dict[int, str]:
    """Names of a label table among the extensions.

    Args:
        raw: header and extensions.
    """
    return {int(key): _text(name) for key, _, name in _LABEL.findall(raw)}


def with_names(raw: bytes, names: Mapping[int, str]) -> bytes:
    """Header and extensions whose label table says what the numbers mean now.

    Args:
        raw: header and extensions of a file that was read.
        names: number → name of the classes that are written; empty where numbers are none.

    Returns:
        the same bytes where there is no table or it says so already; else with another table, or
        without one where there are no names.
    """
    table = label_names(raw)
    background = {number: name for number, name in table.items() if number == 0}
    if not table or (names and {**background, **names} == table):
        return raw
    size, order = len_of_header(raw), byte_order(raw)
    kept = []
    for code, data in _parts(raw[size + 4 :], order):
        if not _LABEL.search(data):
            kept.append((code, data))
        elif names and not any("]]>" in name for name in names.values()):
            kept.append((code, _LABELS.sub(lambda _: _table(raw, names), data.rstrip(b"\0"), 1)))
    return raw[:size] + _joined(kept, order)


def little_endian(raw: bytes) -> bytes:
    """The extensions behind a header, with their sizes in the byte order that is written."""
    size, order = len_of_header(raw), byte_order(raw)
    rest = raw[size:]
    return rest if order == "<" or len(rest) <= 4 else _joined(_parts(rest[4:], order), "<")


def len_of_header(raw: bytes) -> int:
    """Bytes of the header itself."""
    return int.from_bytes(raw[:4], "little" if byte_order(raw) == "<" else "big")


def _parts(data: bytes, order: str) -> list[tuple[int, bytes]]:
    """(code, content) of each extension; what is cut off is left out."""
    found, at = [], 0
    while at + 8 <= len(data):
        size, code = struct.unpack_from(f"{order}ii", data, at)
        if size < 8 or at + size > len(data):
            break
        found.append((code, data[at + 8 : at + size]))
        at += size
    return found


def _joined(parts: list[tuple[int, bytes]], order: str) -> bytes:
    out = b"\1\0\0\0" if parts else b"\0\0\0\0"
    for code, data in parts:
        size = -(-(len(data) + 8) // _STEP) * _STEP
        out += struct.pack(f"{order}ii", size, code) + data.ljust(size - 8, b"\0")
    return out


def _table(raw: bytes, names: Mapping[int, str]) -> bytes:
    """The entries of a table: colours go with the name, else with the number."""
    old = _LABEL.findall(raw)
    by_name = {_text(name): colors for _, colors, name in old}
    by_number = {int(key): colors for key, colors, _ in old}
    nothing = {int(key): _text(name) for key, _, name in old if int(key) == 0}
    entries = []
    for number, name in sorted({**nothing, **names}.items()):
        colors = by_name.get(name) or by_number.get(number, _PLAIN)
        text = name.encode()
        entries.append(b'<Label Key="%d"%s><![CDATA[%s]]></Label>' % (number, colors, text))
    return b"\n".join(entries) + b"\n"


def _text(name: bytes) -> str:
    return name.decode("utf-8", "replace")
