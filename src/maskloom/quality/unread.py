"""Labels that a reader refuses as a whole: read without what is invalid, of which all is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from maskloom.core.dataset import Dataset
from maskloom.errors import FormatError
from maskloom.formats.shared.left_out import LeftOut
from maskloom.quality.findings import Finding


def opened(opening: Callable[..., Dataset], *, skip_bad: bool) -> tuple[Dataset, list[Finding]]:
    """A data set to be checked, and what is invalid in it.

    Args:
        opening: opens it; called with `skip_bad=True`, it leaves invalid annotations out.
        skip_bad: the user knows that some are, so that they are no errors.

    Raises:
        FormatError: it cannot be read, without invalid annotations neither.
    """
    try:
        dataset = opening(skip_bad=skip_bad)
    except FormatError as error:
        if skip_bad:
            raise
        dataset = _without_invalid(opening, error)
    found = [Finding("left-out" if skip_bad else "labels", one) for one in _left_out(dataset)]
    # Findings say more than the one line that counts them.
    warnings = tuple(line for line in dataset.warnings if not isinstance(line, LeftOut))
    return replace(dataset, warnings=warnings), found


def _without_invalid(opening: Callable[..., Dataset], fault: FormatError) -> Dataset:
    """The rest of a data set; where nothing can be left out, the fault stands as it was told."""
    try:
        dataset = opening(skip_bad=True)
    except FormatError:
        raise fault from None
    if not _left_out(dataset):
        raise fault
    return dataset


def _left_out(dataset: Dataset) -> list[str]:
    return [one for line in dataset.warnings if isinstance(line, LeftOut) for one in line.messages]
