from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

MACHINE_PATH = re.compile(rb"(?<![\w./:-])/(?:work|home|Users|root|mnt|data\d*)/[\w.-]+")
HOSTS = re.compile(
    rb"pypi\.org|pythonhosted\.org|download\.pytorch\.org|registry\.npmjs\.org|artifactory|"
    rb"extra-index-url|index-url|find-links|registry-1\.docker|anaconda\.org",
    re.IGNORECASE,
)
PINNED = re.compile(r"[a-z0-9][a-z0-9-]*==[0-9][0-9a-z.]*")


@pytest.fixture(scope="module")
def texts(checkout):
    """Every text file that is or would be tracked, this one aside."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=checkout,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    paths = [checkout / name for name in listed.stdout.decode().split("\0") if name]
    kept = [path for path in paths if path.is_file() and path != Path(__file__).resolve()]
    bodies = {path.relative_to(checkout): path.read_bytes() for path in kept}
    return {path: body for path, body in bodies.items() if b"\0" not in body[:8192]}


def found(pattern, texts):
    return {
        f"{path}:{body[: hit.start()].count(bytes([10])) + 1}": hit[0]
        for path, body in texts.items()
        for hit in pattern.finditer(body)
    }


def test_no_file_names_a_place_on_one_machine(texts):
    assert found(MACHINE_PATH, texts) == {}


def test_no_file_names_a_package_registry(texts):
    assert found(HOSTS, texts) == {}


def test_the_constraints_are_plain_versions(checkout):
    lines = (checkout / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert len(pins) > 50
    assert [line for line in pins if not PINNED.fullmatch(line)] == []


def test_no_tracked_file_is_large(checkout, texts):
    large = {str(path): len(body) for path, body in texts.items() if len(body) > 2_000_000}
    assert large == {}
