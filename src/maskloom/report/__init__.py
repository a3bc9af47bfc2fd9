"""Draws reports: one self-contained HTML file, plots, rows of pictures."""
