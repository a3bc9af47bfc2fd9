"""`python -m maskloom`."""

from __future__ import annotations

import sys

from maskloom.faces.cli import main

if __name__ == "__main__":
    sys.exit(main())
