"""`models export`: a run's network as a file, with the figure that says how faithful it is."""

from __future__ import annotations

from pathlib import Path

from maskloom.core.outcome import Outcome, Table
from maskloom.core.run import Run
from maskloom.errors import MissingExtra
from maskloom.inference.engines.exports import Target


def run_export(run: Run, to: Target, out: Path | None) -> Outcome:
    """Export, and say what was compared.

    Raises:
        MaskloomError: see `inference.export.export_run`.
    """
    from maskloom.work.threads import yield_while_waiting

    yield_while_waiting()
    try:
        from maskloom.inference.export import export_run
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("maskloom"):
            raise
        raise MissingExtra(
            f"exporting needs the package {error.name!r}",
            hint="install it with: pip install 'maskloom[train]'",
        ) from error
    done = export_run(run, to, out)
    sizes = ", ".join(f"{width} × {height}" for height, width in done.sizes)
    results = {
        "run": run.id,
        "to": to,
        "path": done.path,
        "size_bytes": done.size_bytes,
        "difference": done.difference,
        "sizes": done.sizes,
        "weights_sha256": run.weights_sha256,
    }
    rows = [
        ("file", str(done.path)),
        ("size", f"{done.size_bytes / 1e6:.1f} MB"),
        ("largest difference from torch", f"{done.difference:.1e} of the largest logit"),
        ("compared at", f"{sizes} px"),
    ]
    return Outcome(results, tables=(Table(f"{run.id} for {to}", ("", ""), rows),))
