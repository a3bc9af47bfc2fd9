"""Known bugs of research and issue threads, tried on the releases that are installed.

Run `python -m benchmarks.peer_bugs [--json FILE] [--only TOOL]`. Every case is a process of its
own with 8 GiB and a minute, as some of these bugs take all memory. "passes" says that pixels, ids
and flags came back, or that what cannot be told was refused; `tests/formats/test_known_bugs.py`
asks the same of maskloom. Datumaro is looked for in `.venv-peers` (`make bench` makes it).
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import resource
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

from benchmarks.peer_cases import Fails

TOOLS = {
    "pycocotools": "benchmarks.peer_bugs_coco",
    "faster-coco-eval": "benchmarks.peer_bugs_coco",
    "supervision": "benchmarks.peer_bugs_sets",
    "datumaro": "benchmarks.peer_bugs_sets",
    "opencv-contrib-python-headless": "benchmarks.peer_bugs_fill",
    "scikit-image": "benchmarks.peer_bugs_fill",
}
PEERS = Path(".venv-peers/bin/python")
MEMORY = 8 << 30
SECONDS = 60


def one_case(tool: str, number: int) -> None:
    """Run a case here, and say on the last line how it went."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    warnings.simplefilter("ignore")
    name, case = cases(tool)[number]
    try:
        case()
        row = {"outcome": "passes", "seen": ""}
    except MemoryError:
        row = {"outcome": "fails", "seen": f"takes more than {MEMORY >> 30} GiB"}
    except Fails as error:
        row = {"outcome": "fails", "seen": str(error)[:160]}
    except Exception as error:  # noqa: BLE001
        row = {"outcome": "fails", "seen": f"{type(error).__name__}: {error}"[:160]}
    print("\n" + json.dumps({"case": name, **row}), flush=True)


def cases(tool: str) -> list[tuple[str, object]]:
    """(name, call) of a tool."""
    return importlib.import_module(TOOLS[tool]).cases(tool)


def tried(python: str, tool: str, words: list[str]) -> str:
    """The last line that a process of this module says, or why it ended."""
    command = [python, "-W", "ignore", "-m", "benchmarks.peer_bugs", "--tool", tool, *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return json.dumps({"outcome": "fails", "seen": f"takes more than {SECONDS} s"})
    lines = done.stdout.strip().splitlines()
    if done.returncode == 0 and lines:
        return lines[-1]
    last = (done.stderr.strip().splitlines() or [""])[-1]
    if done.returncode < 0:
        last = f"killed by signal {-done.returncode} with {MEMORY >> 30} GiB of memory"
    return json.dumps({"outcome": "fails", "seen": last[:160]})


def rows_of(tool: str) -> list[dict[str, str]]:
    """All cases of a tool, each in a process of its own."""
    python = str(PEERS) if tool == "datumaro" else sys.executable
    if tool == "datumaro" and not PEERS.exists():
        print(f"{tool}: skipped, no {PEERS} (`make bench` makes it)")
        return []
    known = json.loads(tried(python, tool, ["--list"]))
    if "version" not in known:
        print(f"{tool}: skipped, {known['seen']}")
        return []
    rows = []
    for number, name in enumerate(known["cases"]):
        row = json.loads(tried(python, tool, ["--case", str(number)]))
        row = {"tool": tool, "version": known["version"], **row, "case": name}
        rows.append(row)
        print(f"{tool} {row['version']} | {name} | {row['outcome']} | {row['seen']}", flush=True)
    return rows


def main() -> None:
    """Run and report, or one case for the process that asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", choices=TOOLS)
    parser.add_argument("--tool", choices=TOOLS, help=argparse.SUPPRESS)
    parser.add_argument("--case", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--list", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.list:
        names = [name for name, _ in cases(args.tool)]
        print(json.dumps({"version": importlib.metadata.version(args.tool), "cases": names}))
        return
    if args.case is not None:
        with tempfile.TemporaryDirectory() as folder:
            tempfile.tempdir = folder
            one_case(args.tool, args.case)
        return
    rows = [row for tool in ([args.only] if args.only else TOOLS) for row in rows_of(tool)]
    print(f"{sum(row['outcome'] == 'fails' for row in rows)} of {len(rows)} cases fail")
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
