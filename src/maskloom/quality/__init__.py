"""Judges data rather than models: faults in labels, images and splits."""
