"""Segmenters that worker processes can make."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from maskloom.classical.regions import Watershed
from maskloom.classical.threshold import Otsu
from maskloom.errors import CheckpointError, DataError

RAISES, KILLS = 3, 5  # values of the first pixel


def otsu():
    return Otsu()


def watershed():
    return Watershed()


def poisoned():
    return Poisoned()


def damaged():
    raise CheckpointError("the weights are damaged")


def noted(folder):
    """Leaves the number of its process each time it is made."""
    (Path(folder) / f"made-{os.getpid()}-{os.urandom(4).hex()}").touch()
    return Otsu()


def killed_once(folder):
    return KilledOnce(Path(folder))


class Poisoned(Otsu):
    """Otsu, save for images that begin with a poisonous pixel."""

    def predict(self, image, prompt=None):
        if image.flat[0] == RAISES:
            raise DataError("cannot be labelled", seen="poison")
        if image.flat[0] == KILLS:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().predict(image, prompt)


class KilledOnce(Watershed):
    """Watershed whose process is killed at its third image, the first time only."""

    def __init__(self, folder):
        super().__init__()
        self.mark = folder / "killed"
        self.seen = 0

    def predict(self, image, prompt=None):
        self.seen += 1
        if self.seen == 3 and not self.mark.exists():
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().predict(image, prompt)
