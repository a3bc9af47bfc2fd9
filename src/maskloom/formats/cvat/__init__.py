"""CVAT for images and for video; `format.py` says what the format is and reads it."""
