"""Deflate streams against zlib: every kind of block, and damage that must be told and do no harm."""

from __future__ import annotations

import os
import zlib

import numpy as np
import pytest

from maskloom.store.inflate import PADDING, inflate

N_CASES = int(os.environ.get("MASKLOOM_FUZZ", "300"))
GUARD = 64


def packed(data, level=6, strategy=zlib.Z_DEFAULT_STRATEGY, window=-15, cuts=()):
    """A raw stream; after each of the cuts a new block begins."""
    work = zlib.compressobj(level, zlib.DEFLATED, window, 8, strategy)
    out, start = b"", 0
    for cut in cuts:
        out += work.compress(data[start:cut]) + work.flush(zlib.Z_FULL_FLUSH)
        start = cut
    return out + work.compress(data[start:]) + work.flush()


def unpacked(stream, size):
    """What the kernel makes of a stream; None where it says damaged."""
    out = np.full(size + PADDING + GUARD, 0xA5, np.uint8)
    padded = np.frombuffer(stream + bytes(PADDING), np.uint8)
    good = inflate(padded, out[: size + PADDING])
    assert (out[size + PADDING :] == 0xA5).all(), "bytes after the room were written"
    return out[:size].tobytes() if good else None


def some_data(rng):
    """Noise, text-like bytes, repetitions at all distances, and stretches of one value."""
    parts = []
    for _ in range(int(rng.integers(1, 6))):
        n = int(rng.integers(0, 4000))
        kind = rng.integers(4)
        if kind == 0:
            parts.append(rng.integers(0, 256, n, np.uint8).tobytes())
        elif kind == 1:
            parts.append(rng.geometric(0.1, n).clip(0, 255).astype(np.uint8).tobytes())
        elif kind == 2:
            seed = rng.integers(0, 256, int(rng.integers(1, 40)), np.uint8).tobytes()
            parts.append((seed * (n // len(seed) + 1))[:n])
        else:
            parts.append(bytes([int(rng.integers(256))]) * n)
    return b"".join(parts)


def test_every_kind_of_block_equals_zlib():
    strategies = (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE,
                  zlib.Z_FIXED)  # fmt: skip
    for seed in range(N_CASES):
        rng = np.random.default_rng(seed)
        data = some_data(rng)
        cuts = sorted(rng.integers(0, len(data) + 1, int(rng.integers(0, 4))).tolist())
        stream = packed(
            data,
            int(rng.integers(0, 10)),
            int(rng.choice(strategies)),
            -int(rng.integers(9, 16)),
            cuts,
        )
        assert unpacked(stream, len(data)) == data, seed


def test_nothing_and_a_single_byte():
    assert unpacked(packed(b""), 0) == b""
    assert unpacked(packed(b"x"), 1) == b"x"


def test_codes_of_fifteen_bits():
    # counts as Fibonacci numbers make the longest codes that there can be
    counts, parts = [1, 1], []
    while len(counts) < 22:
        counts.append(counts[-1] + counts[-2])
    for value, count in enumerate(counts):
        parts.append(bytes([value]) * count)
    data = b"".join(parts)
    rng = np.random.default_rng(0)
    data = rng.permutation(np.frombuffer(data, np.uint8)).tobytes()
    for strategy in (zlib.Z_HUFFMAN_ONLY, zlib.Z_DEFAULT_STRATEGY):
        assert unpacked(packed(data, 9, strategy), len(data)) == data


@pytest.mark.parametrize("by", [-1, 1])
def test_another_length_than_said_is_told(by):
    data = bytes(range(200)) * 20
    assert unpacked(packed(data), len(data) + by) is None
    assert unpacked(packed(data, 0), len(data) + by) is None


def test_a_stream_that_ends_early_is_told_at_every_byte():
    rng = np.random.default_rng(1)
    data = some_data(rng)[:3000]
    for level in (0, 6):
        stream = packed(data, level)
        for end in range(len(stream)):
            assert unpacked(stream[:end], len(data)) is None, end


def test_damage_is_told_or_gives_what_zlib_gives_and_never_writes_elsewhere():
    told = 0
    for seed in range(3 * N_CASES):
        rng = np.random.default_rng(seed)
        data = some_data(rng)
        stream = bytearray(packed(data, int(rng.integers(0, 10))))
        for _ in range(int(rng.integers(1, 4))):
            stream[int(rng.integers(len(stream)))] ^= 1 << int(rng.integers(8))
        found = unpacked(bytes(stream), len(data))
        try:
            work = zlib.decompressobj(-15)
            wanted = work.decompress(bytes(stream)) + work.flush()
            wanted = wanted if work.eof and len(wanted) == len(data) else None
        except zlib.error:
            wanted = None
        assert found == wanted, seed
        told += found is None
    assert told > N_CASES


def test_noise_is_no_stream():
    for seed in range(N_CASES):
        rng = np.random.default_rng(seed)
        stream = rng.integers(0, 256, int(rng.integers(0, 300)), np.uint8).tobytes()
        unpacked(stream, int(rng.integers(0, 500)))  # its guard must stand
