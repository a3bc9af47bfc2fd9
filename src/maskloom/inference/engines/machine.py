"""What a measured choice of an engine is valid for: processor, threads, versions."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from maskloom.errors import UsageError

_PACKAGES = ("torch", "onnxruntime", "openvino")


def thread_count(threads: int | None = None) -> int:
    """How many threads an engine takes.

    Args:
        threads: as asked for; None is OMP_NUM_THREADS where it is set, else one per core that
            this process may use.

    Raises:
        UsageError: less than one.
    """
    if threads is not None:
        if threads < 1:
            raise UsageError("an engine needs a thread", seen=threads, hint="give 1 or more")
        return threads
    # OpenMP allows a list, one number for each level of nesting.
    asked = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_name() -> str:
    """The processor as the system calls it, with its family, model and stepping if it says so.

    Virtual machines call different processors by one name; the numbers tell them apart.
    """
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    said: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        said.setdefault(name.strip(), value.strip())
    if "model name" not in said:
        return platform.processor() or platform.machine()
    numbers = [said.get(name, "?") for name in ("cpu family", "model", "stepping")]
    return f"{said['model name']} ({'.'.join(numbers)})"


def versions() -> dict[str, str]:
    """Package → version of the engines that are installed; none is imported."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def machine_key(threads: int) -> str:
    """One line that changes whenever a measurement should be made again."""
    packages = ", ".join(f"{name} {number}" for name, number in versions().items())
    return f"{cpu_name()}; {threads} threads; {packages}"
