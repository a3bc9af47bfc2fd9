"""Scores of outlines: Boundary IoU, Boundary F1, and J and F of video objects."""
