"""What hostile hands do to one file: cut, flip, swap numbers and names, nest, blow up."""

from __future__ import annotations

import base64
import functools
import gzip
import re
import struct
import zlib

MIB = 1 << 20
NUMBERS = (
    b"-1", b"0", b"0.5", b"NaN", b"nan", b"Infinity", b"-inf", b"1e308", b"1e999", b"2147483648",
    b"4294967297", b"9223372036854775808", b"1" + b"0" * 400, b"null", b"true", b'"7"', b"[]",
)  # fmt: skip
TEXTS = (
    b"", b"../../outside/secret.png", b"../../../outside/secret.png",
    b"/etc/passwd", b"..\\\\..\\\\x", b"\\u0000", b".", b"..",
    b"x" * 300, b"nan", b"\xff\xfe",
)  # fmt: skip
INTS = (0x7FFFFFFF, 0xFFFFFFFF, 0x80000000, 0x10000, 0)
TEXT_SUFFIXES = (
    ".json", ".geojson", ".xml", ".csv", ".txt", ".yaml", ".yml", ".jsonl", ".names", ".data"
)  # fmt: skip
LAUGHS = b"".join(
    b'<!ENTITY l%d "%s">' % (i, b"&l%d;" % (i - 1) * 10 if i else b"ha" * 50) for i in range(10)
)


def damages(name, data, rng, n):
    """(what, bytes) of a file, as different as its kind allows.

    Args:
        name: of the file; its suffix says what can be done.
        data: its bytes.
        rng: a `random.Random`.
        n: about how many of each kind.
    """
    yield "empty", b""
    for _ in range(n):
        yield "truncated", data[: rng.randrange(len(data) or 1)]
        flipped = bytearray(data)
        for _ in range(rng.choice((1, 1, 8))):
            if flipped:
                flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
        yield "flipped", bytes(flipped)
    if name.endswith(TEXT_SUFFIXES):
        yield from _text_damages(name, data, rng, n)
    else:
        yield from _binary_damages(name, data, rng, n)


def _text_damages(name, data, rng, n):
    for pattern, values in ((rb"-?\d+(?:\.\d+)?", NUMBERS), (rb'(?<=")[^"]*(?=")', TEXTS)):
        found = list(re.finditer(pattern, data))
        for _ in range(2 * n if found else 0):
            at, value = rng.choice(found), rng.choice(values)
            said = f"{data[at.start() : at.end()][:30]!r} at {at.start()} → {value[:30]!r}"
            yield said, data[: at.start()] + value + data[at.end() :]
    found = list(re.finditer(rb"[^,\s:]+", data))
    for _ in range(n if found else 0):
        at, value = rng.choice(found), rng.choice((*NUMBERS, *TEXTS))
        said = f"word {data[at.start() : at.end()][:30]!r} at {at.start()} → {value[:30]!r}"
        yield said, data[: at.start()] + value + data[at.end() :]
    deep = b"[" * 200_000
    yield "nested", deep
    yield "nested and closed", deep + b"]" * 200_000
    found = list(re.finditer(rb"-?\d+(?:\.\d+)?", data))
    if found:
        at = rng.choice(found)
        yield f"nested at {at.start()}", data[: at.start()] + deep + data[at.end() :]
    if name.endswith(".xml"):
        head, mark, rest = data.partition(b"?>")
        head = head + mark if mark else b""
        rest = rest if mark else data
        for kind, doctype in (
            ("laughs", b"<!DOCTYPE a [" + LAUGHS + b"]>"),
            ("entity", b'<!DOCTYPE a [<!ENTITY l9 SYSTEM "file:///etc/passwd">]>'),
            ("dtd", b'<!DOCTYPE a SYSTEM "http://localhost:9/a.dtd">'),
        ):
            yield kind, head + doctype + rest.replace(b">1<", b">&l9;<", 1)
        yield "deep elements", b"<a>" * 200_000
        yield "many attributes", b"<a " + b" ".join(b'a%d="1"' % i for i in range(100_000)) + b"/>"
    if name.endswith((".yaml", ".yml")):
        yield (
            "aliases",
            b"a0: &a0 [x, x]\n"
            + b"".join(
                b"a%d: &a%d [%s]\n" % (i, i, b", ".join([b"*a%d" % (i - 1)] * 9))
                for i in range(1, 12)
            ),
        )
    bomb = base64.b64encode(packed(256 * MIB))
    for at in list(re.finditer(rb'(?<=")[A-Za-z0-9+/=]{40,}(?=")', data))[:2]:
        yield f"base64 bomb at {at.start()}", data[: at.start()] + bomb + data[at.end() :]
        big = base64.b64encode(png_bomb(30_000))
        yield f"base64 PNG bomb at {at.start()}", data[: at.start()] + big + data[at.end() :]


def _binary_damages(name, data, rng, n):
    for _ in range(2 * n):
        at, value = rng.randrange(max(1, min(len(data), 600) - 4)), rng.choice(INTS)
        order = rng.choice("<>")
        said = f"{value:#x} {order} at {at}"
        yield said, data[:at] + struct.pack(f"{order}I", value) + data[at + 4 :]
    for at, kind in ((m.start(), m.group()) for m in re.finditer(rb"sizes: [\d ]+\n", data)):
        for text in (
            b"sizes: 2147483648 2147483648 4\n",
            b"sizes: -1 3 4\n",
            b"sizes: 9999 9999 9999\n",
        ):
            yield str(text), data[:at] + text + data[at + len(kind) :]
    if data[:2] == b"\x1f\x8b":
        yield from _gz_damages(data, rng, n)
    if name.endswith(".png"):
        yield "PNG of 2**31", _png_head(data, (1 << 31) - 1, (1 << 31) - 1)
        yield "PNG of no size", _png_head(data, 0, 0)
        yield "PNG of 65535", _png_head(data, 65535, 65535)
        yield "PNG bomb", png_bomb(30_000)


def _gz_damages(data, rng, n):
    plain = gzip.decompress(data)
    for said, bad in damages("x.bin", plain, rng, n):
        yield f"within gzip: {said}", gzip.compress(bad, 1)
    yield "gzip bomb", gzip.compress(plain, 1) + gz_zeros() * 64
    for size in (30_000, 1_000):  # NIfTI-1: far more than is there, and 1 GB, which is there.
        head = bytearray(plain[:352])
        struct.pack_into("<8h", head, 40, 3, size, size, size, 1, 1, 1, 1)
        yield f"gzip bomb of {size}", gzip.compress(bytes(head)) + (gz_zeros() * 16)


@functools.cache
def gz_zeros():
    """A gzip member of 64 MiB of zeros."""
    return gzip.compress(bytes(64 * MIB), 1)


def packed(n):
    """A zlib stream of n zeros: one flushed block again and again."""
    made = zlib.compressobj(9)
    block = made.compress(bytes(MIB)) + made.flush(zlib.Z_FULL_FLUSH)
    last = zlib.compressobj(9, zlib.DEFLATED, -15)
    end = last.compress(bytes(n % MIB)) + last.flush()
    adler = struct.pack(">I", n % 65521 << 16 | 1)
    return block[:2] + block[2:] * (n // MIB) + end + adler


def png_bomb(size):
    """A valid grey PNG of size × size zeros."""
    head = struct.pack(">IIBBBBB", size, size, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in ((b"IHDR", head), (b"IDAT", packed(size * (size + 1))), (b"IEND", b""))
    )


def _png_head(data, width, height):
    """The same file with another size in its header, and the right check sum of it."""
    head = b"IHDR" + struct.pack(">II", width, height) + data[24:29]
    return data[:12] + head + struct.pack(">I", zlib.crc32(head)) + data[33:]
