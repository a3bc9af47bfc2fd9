"""Packed bytes that promise or hold gigabytes are one message at once, in bounded memory.

The bombs are made and read in a process of its own, with a bound on its memory: `bombs.py`.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from maskloom.errors import FormatError
from maskloom.store.dicom_packed import check_coded, code_size
from maskloom.store.volume_header import MAX_PACKED_VOXELS

from .bombs import jpeg2000

MEDICAL = importlib.util.find_spec("pydicom") is not None
SHORT = "too short for the voxels its header declares"
LIMIT = f"a compressed volume of more than {MAX_PACKED_VOXELS:,} values"
SAID = {
    "promise.nii.gz": SHORT,
    "four.nii.gz": LIMIT,
    "more.nii.gz": "holds more than its header declares",
    "promise.nrrd": SHORT,
    "four.nrrd": LIMIT,
    "more.nrrd": "more than the header declares",
    "promise-bz2.nrrd": SHORT,
    "four-bz2.nrrd": LIMIT,
    "more-bz2.nrrd": "more than the header declares",
    "whole.nrrd": "[(256, 512, 512)]",
    "whole.nii.gz": "[(128, 1024, 1024)]",
    "hollow.png": "too short for the pixels its header declares",
    "hollow.bmp": "too short for the pixels its header declares",
    "hollow.webp": "the image is damaged or truncated",
    "overfull.png": "[[0 0 0 0 0 0 0 0]",
    "strip.tif": "more than 8192 bytes when inflated",
    "strip.tif as a map": "more than 8192 bytes when inflated",
    "shared.tif": "segments that lie over one another",
    "shared.tif as a map": "segments that lie over one another",
}
DICOM = {
    "deflated": "inflates to more than 1,073,741,824 bytes",
    "elements": "more elements than a deflated file may have",
    "code": "frame 1: a compressed frame that is no 16 × 16 px",
    "rle": "fewer pixels than the attributes declare",
    "frames": "compressed frames of more than 4,294,967,296 pixels",
}
# The volume that is read as a whole has 128 million voxels.
MOST_MIB, MOST_SECONDS = 600, 10


def test_bombs_are_one_message_each_at_once_and_in_bounded_memory(tmp_path):
    told = subprocess.run(
        [sys.executable, "-m", "tests.formats.bombs", str(tmp_path), "medical" if MEDICAL else ""],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert told.returncode == 0, told.stderr[-2000:]
    lines = [json.loads(line) for line in told.stdout.splitlines()]
    wanted = SAID | (DICOM if MEDICAL else {})
    assert {name for name, *_ in lines} == set(wanted)
    for name, came, seconds, mebibytes in lines:
        assert wanted[name] in came, name
        assert "\n" not in came or came.startswith("[["), name
        assert seconds < MOST_SECONDS, name
        assert mebibytes < MOST_MIB, name


def test_sizes_are_read_from_codes_of_frames():
    assert code_size(jpeg2000(48)) == (48, 48)
    jpeg = b"\xff\xd8\xff\xe0\0\4ab\xff\xff\xc0\0\x0b\x08\0\x10\0\x20\x01"
    assert code_size(jpeg) == (16, 32)
    assert code_size(b"\xff\xd8\xff\xf7\0\x0b\x08\0\x10\0\x20\x01") == (16, 32)
    for code in (b"", b"\xff\xd8", b"\xff\xd8\xff\xe0", b"\xff\x4f\xff\x51\0", bytes(100)):
        assert code_size(code) is None


def test_frames_that_cannot_be_in_so_few_bytes_are_refused(tmp_path):
    rle = "1.2.840.10008.1.2.5"
    check_coded((2, 64, 64), 1, 2 * 64 + 16, rle, tmp_path)
    for size, packed in (((2, 64, 64), 100), ((1000, 1, 1), 7999)):
        with pytest.raises(FormatError, match="fewer pixels than the attributes declare"):
            check_coded(size, 1, packed, rle, tmp_path)
