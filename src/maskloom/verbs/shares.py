"""`evaluate --shard`: which share a call has, and what it says when others are still to come.

No verb: how a judgement is divided is `metrics/judging/spread.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maskloom.core.outcome import Outcome
    from maskloom.metrics.judging.spread import Waiting
    from maskloom.work.shards import Share


def share_of(shard: str | None, parts: Path | None, against: Path | None) -> Share | None:
    """The share of the pairs that this call scores; None is all.

    Raises:
        UsageError: options that do not go together.
    """
    from maskloom.errors import UsageError
    from maskloom.work.shards import Share

    if shard is not None and against is not None:
        raise UsageError(
            "--against is not divided by --shard",
            where="--against",
            seen=against,
            hint="use --workers, or compare the two reports",
        )

    if (shard is None) != (parts is None):
        raise UsageError(
            "--shard and --parts belong together",
            seen=f"--shard {shard}" if parts is None else f"--parts {parts}",
            hint="say --shard i/N --parts FOLDER, with one folder for all N calls",
        )
    return None if shard is None else Share.parse(shard)


def waiting_outcome(found: Waiting, shard: str, parts: Path | None) -> Outcome:
    """What a call says that is not the last."""
    from maskloom.core.outcome import Outcome, counted

    of = shard.partition("/")[2]
    done = f"shard {shard} is counted, {counted(found.samples, 'image')}"
    rest = ", ".join(f"{number}/{of}" for number in found.numbers[:8])
    more = f" and {len(found.numbers) - 8} more" if len(found.numbers) > 8 else ""
    line = (
        f"{done}; still to come: --shard {rest}{more} with --parts {parts}; the last one reports"
        if rest
        else f"{done}; another call has found all parts and reports"
    )
    results = {
        "shard": shard,
        "samples": found.samples,
        "waiting": [f"{number}/{of}" for number in found.numbers],
        "parts": parts,
    }
    return Outcome(results, lines=(line,))
