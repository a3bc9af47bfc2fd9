"""ADE20K of 2017 and 2020; `format.py` says what the format is and reads it."""
