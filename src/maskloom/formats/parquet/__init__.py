"""Parquet tables; `format.py` says what the format is and reads it."""
