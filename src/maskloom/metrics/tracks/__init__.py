"""Scores of objects that keep an identity over the frames of a sequence: HOTA, IDF1, MOTA."""
