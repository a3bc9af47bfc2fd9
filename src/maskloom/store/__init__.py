"""Bytes on disk: images, atomic files, built-in data; the project store comes to live here."""
