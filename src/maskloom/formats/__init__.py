"""Stored formats: a module or package a format, `detect` opens any of them."""
