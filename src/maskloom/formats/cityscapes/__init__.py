"""Cityscapes; `format.py` says what the format is and reads it."""
