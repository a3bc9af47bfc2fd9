"""How native threads behave beside other work on the same cores."""

from __future__ import annotations

import os
import sys

# Read by each library when it is loaded; a worker sets them before it imports anything.
_COUNTS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "OPENCV_FOR_THREADS_NUM",
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
ONE_THREAD = dict.fromkeys(_COUNTS, "1")


def take_one_thread() -> None:
    """Let native libraries use one thread: other workers have the other cores.

    Overrules the user's settings, which are meant for a process that has the machine alone.
    """
    os.environ.update(ONE_THREAD)
    # What was loaded before no longer looks at the environment.
    for name, setter in (("cv2", "setNumThreads"), ("torch", "set_num_threads")):
        if name in sys.modules:
            getattr(sys.modules[name], setter)(1)


def yield_while_waiting() -> None:
    """Let OpenMP threads sleep at barriers instead of spinning.

    A network of small layers meets hundreds of barriers a step; when another process holds a
    core, spinning there costs many times the work itself. Takes effect only before the first
    native library with OpenMP is loaded, and never against the user's own setting.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
