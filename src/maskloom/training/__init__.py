"""Data set + recipe → run: a short loop of our own on Lightning Fabric."""
