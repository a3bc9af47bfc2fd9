"""How much memory is left on this machine."""

from __future__ import annotations

from pathlib import Path


def free_bytes() -> int:
    """Memory that a new array may take, or a large number where the system does not say."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return 1 << 62
