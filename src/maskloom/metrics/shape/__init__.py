"""Scores of shapes from one table of shared pixels: objects, clusters, thin structures, counts."""
