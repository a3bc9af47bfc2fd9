"""One PNG for each object; `format.py` says what the format is and reads it."""
