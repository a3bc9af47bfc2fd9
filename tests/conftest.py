"""What every test stands on: the checkout, quiet libraries, and which machines can run what."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

import hypothesis
import pytest

os.environ.setdefault("MPLBACKEND", "Agg")
CHECKOUT = Path(__file__).resolve().parent.parent

hypothesis.settings.register_profile(
    "maskloom", deadline=None, max_examples=50, database=None, derandomize=True
)
hypothesis.settings.load_profile("maskloom")


def shared_folder() -> Path | None:
    """The large data sets: MASKLOOM_SHARED/data, by default `../shared/data`."""
    root = Path(os.environ.get("MASKLOOM_SHARED", CHECKOUT.parent / "shared"))
    folder = root / "data"
    return folder if folder.is_dir() else None


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The root of the checkout."""
    return CHECKOUT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of the large data sets."""
    folder = shared_folder()
    assert folder is not None, "mark the test with pytest.mark.shared"
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, with the reason, what this machine lacks."""
    marks = {mark for item in items for mark in ("shared", "gpu", "postgres", "browser")
             if item.get_closest_marker(mark)}  # fmt: skip
    lacks = {mark: reason for mark in marks if (reason := _lacking(mark))}
    for item in items:
        for mark, reason in lacks.items():
            if item.get_closest_marker(mark):
                item.add_marker(pytest.mark.skip(reason=reason))


def _lacking(mark: str) -> str:
    if mark == "shared" and shared_folder() is None:
        # On CI a missing folder must fail the tests that need it, not skip them.
        return "" if os.environ.get("CI") == "true" else "no shared data: set MASKLOOM_SHARED"
    if mark == "postgres":
        return _lacking_postgres()
    if mark == "browser":
        return _lacking_browser()
    if mark == "gpu":
        import torch

        return "" if torch.cuda.is_available() else "no GPU"
    return ""


def _lacking_postgres() -> str:
    if importlib.util.find_spec("psycopg") is None:
        return "psycopg is not installed"
    # Debian keeps the server's programs off the path.
    installed = shutil.which("postgres") or any(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not installed and not os.environ.get("MASKLOOM_TEST_POSTGRES"):
        return "no PostgreSQL: install it, or set MASKLOOM_TEST_POSTGRES to a database URL"
    return ""


def _lacking_browser() -> str:
    """Why no page can be tested here; on CI a missing browser must fail the tests, not skip them."""
    if os.environ.get("CI") == "true":
        return ""
    if importlib.util.find_spec("playwright") is None:
        return "playwright is not installed"
    return "" if shutil.which("chromium") else "no chromium in PATH"
