"""What a reader must know of scores of objects."""

from __future__ import annotations

from maskloom.core.outcome import counted


def drawn_notes(truth: int, predicted: int, *, boxed: bool = False) -> tuple[str, ...]:
    """Of rows that are no objects.

    Args:
        truth: how many of its rows are drawings without a mask.
        predicted: likewise of the prediction.
        boxed: boxes are objects, and not among them.
    """
    if boxed:
        said = "{} of {} without a mask or a box: no objects"
    else:
        said = "{} of {} without a mask: counted only where boxes are compared"
    sides = (("the truth", truth), ("the prediction", predicted))
    return tuple(said.format(counted(n, "drawing"), side) for side, n in sides if n)


def instance_notes(
    samples: int, silent: int, unscored: int, capped: int, limit: str
) -> tuple[str, ...]:
    """Of predictions that are not there, not sure, or too few.

    Args:
        samples: that were scored.
        silent: of these, those with objects and without a prediction of any kind.
        unscored: predictions without a score.
        capped: samples with more objects than predictions may be.
        limit: of predictions, in words.
    """
    notes = []
    if silent:
        notes.append(f"no prediction in {silent} of {counted(samples, 'image')} that show objects")
    if capped:
        notes.append(
            f"AP is capped in {counted(capped, 'image')} with more than {limit}, "
            "the limit on predictions"
        )
    if unscored:
        notes.append(
            f"{counted(unscored, 'prediction')} without a score "
            f"count{'s' if unscored == 1 else ''} as 1.0; among equal scores "
            "the order of rows decides, so AP is that of one operating point"
        )
    return tuple(notes)
