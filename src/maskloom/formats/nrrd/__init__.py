"""NRRD and .seg.nrrd; `format.py` says what the format is and reads it."""
