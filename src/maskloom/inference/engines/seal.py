"""The last bytes of an exported network: which weights it is of, and that nothing has changed.

The seal is part of the file, so that one rename brings both. In ONNX it is one more
`metadata_props` entry (repeated fields of protocol buffers may be appended), in OpenVINO's XML
a comment; other programs read both files as if it were not there.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from maskloom.errors import CheckpointError

KEY = "maskloom.seal"
_XML = re.compile(rf"<!-- {re.escape(KEY)} ([0-9a-f]{{64}}) ([0-9a-f]{{64}}) -->\n\Z")
_XML_BYTES = len(f"<!-- {KEY} -->\n") + 2 * 65
_HASHES = 129  # two hashes in hex and a space


def _entry_head() -> bytes:
    """ModelProto.metadata_props (field 14): StringStringEntryProto with the key, value to follow.

    Source: onnx.proto3; protocol buffer wire format: tag, length, content.
    """
    key = b"\x0a" + bytes([len(KEY)]) + KEY.encode()
    value = b"\x12" + _varint(_HASHES)
    return b"\x72" + _varint(len(key) + len(value) + _HASHES) + key + value


def _varint(value: int) -> bytes:
    """Of 128 to 16383: two bytes, low seven bits first."""
    return bytes([value & 0x7F | 0x80, value >> 7])


_HEAD = _entry_head()
_ONNX_BYTES = len(_HEAD) + _HASHES


@dataclass(frozen=True, slots=True)
class Seal:
    """What the end of an export says.

    Args:
        weights_sha256: of the run that was exported.
        content_sha256: of all that comes before the seal, and of the .bin of an .xml.
    """

    weights_sha256: str
    content_sha256: str


def sealed_onnx(model: bytes, weights_sha256: str) -> bytes:
    """A serialized ONNX model with its seal."""
    content = hashlib.sha256(model).hexdigest()
    return b"".join((model, _HEAD, f"{weights_sha256} {content}".encode()))


def seal_xml(path: Path, weights_sha256: str) -> None:
    """Append the seal to an OpenVINO model whose .bin lies beside it."""
    body = path.read_bytes()
    content = _content(body, path)
    with path.open("ab") as file:
        file.write(f"<!-- {KEY} {weights_sha256} {content} -->\n".encode())


def read_seal(path: Path) -> Seal:
    """The seal of a .onnx or .xml, without looking at what it seals.

    Raises:
        CheckpointError: there is none: cut short, or not written by maskloom.
        OSError: the file cannot be read.
    """
    size = _XML_BYTES if path.suffix == ".xml" else _ONNX_BYTES
    with path.open("rb") as file:
        end = file.seek(0, 2)
        file.seek(max(0, end - size))
        tail = file.read()
    if path.suffix == ".xml":
        found = _XML.search(tail.decode("utf-8", "replace"))
        hashes = found.groups() if found else ()
    else:
        text = tail.removeprefix(_HEAD).decode("ascii", "replace")
        hashes = tuple(text.split(" ")) if tail.startswith(_HEAD) else ()
    if len(hashes) != 2:
        raise _damaged("the exported network is damaged or not of maskloom", path)
    return Seal(*hashes)


def check_seal(path: Path) -> Seal:
    """The seal, after comparing it with the content.

    Raises:
        CheckpointError: they differ, or there is no seal or no .bin.
        OSError: the file cannot be read.
    """
    seal = read_seal(path)
    data = path.read_bytes()
    if path.suffix == ".xml":
        content = _content(memoryview(data)[:-_XML_BYTES], path)
    else:
        content = hashlib.sha256(memoryview(data)[:-_ONNX_BYTES]).hexdigest()
    if content != seal.content_sha256:
        raise _damaged("the exported network is damaged: its hash is not the recorded one", path)
    return seal


def _content(body: bytes | memoryview, path: Path) -> str:
    digest = hashlib.sha256(body)
    weights = path.with_suffix(".bin")
    if not weights.is_file():
        raise _damaged("the weights of the exported network are missing", weights)
    with weights.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _damaged(what: str, path: Path) -> CheckpointError:
    folder = path.parent if path.suffix in (".xml", ".bin") else path
    return CheckpointError(what, where=path, hint=f"remove {folder}; it is made again from the run")
