"""Folders of label maps; `format.py` says what the format is and reads it."""
