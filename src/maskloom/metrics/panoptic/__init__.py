"""Panoptic segments: matched by pixels; quality of things and stuff."""
