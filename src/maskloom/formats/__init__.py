"""Stored formats: one file a format reads and writes, `detect` opens any of them."""
