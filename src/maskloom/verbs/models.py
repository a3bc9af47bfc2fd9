"""`models`: what a trained run is, and its network as a file for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from maskloom.verbs.python import from_python

if TYPE_CHECKING:
    from maskloom.core.outcome import Outcome


@from_python
def models(
    action: Literal["export", "info"],
    run: Path,
    *,
    to: Literal["onnx", "openvino", "torch-export"] | None = None,
    out: Path | None = None,
) -> Outcome:
    """Show what a trained run is, or export its network for other programs.

    Args:
        action: info shows the run; export writes its network as --to.
        run: the folder of a run.
        to: onnx (one .onnx), openvino (an .xml with a .bin) or torch-export (a .pt2); each takes
            images of any size in steps of the model's stride.
        out: folder to export to; the run's own exports folder, where predict --engine finds it.

    Returns:
        results: of info, the run with its categories, input, scores and exports; of export, the
            file, its bytes and its largest difference from torch.

    Raises:
        UsageError: options that do not go together, or a network that cannot be exported.
        CheckpointError: there is no run, or it is damaged.
        MissingExtra: a package is not installed.
        WriteError: the export cannot be written.
    """
    from maskloom.core.run import Run
    from maskloom.errors import UsageError

    if action == "info":
        if to is not None or out is not None:
            raise UsageError("info takes no --to and no --out", hint="write maskloom models export")
        from maskloom.verbs.models_info import run_info

        return run_info(Run.load(run))
    if to is None:
        raise UsageError(
            "nothing says what to export to",
            where="--to",
            hint="choose onnx, openvino or torch-export",
        )
    from maskloom.verbs.models_export import run_export

    return run_export(Run.load(run), to, out)
