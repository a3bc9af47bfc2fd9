"""How other processes come to a segmenter: they get what makes it, and make it once."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import lru_cache

from maskloom.core.segmenter import Segmenter

Maker = Callable[[], Segmenter]
"""Makes the segmenter in whatever process asks; picklable."""


def made(make: Maker) -> Segmenter:
    """The segmenter of a maker; equal makers give the same one as long as no other is asked for.

    Args:
        make: a function of a module, or a `partial` of one; another is called each time.
    """
    try:
        pickled = pickle.dumps(make)
    except (pickle.PicklingError, AttributeError, TypeError):
        return make()
    return _made(pickled)


@lru_cache(maxsize=1)
def _made(pickled: bytes) -> Segmenter:
    segmenter: Segmenter = pickle.loads(pickled)()
    return segmenter
