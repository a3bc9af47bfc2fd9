"""Images of any size: cut into blocks, each computed alone, put together again.

What a network sees around a pixel is measured (`field`), blocks follow from it (`plan`), each is
read, computed and decoded without knowing the others (`forward`, `blocks`), and what lies across
seams is joined at the end (`assemble`). `run` keeps the journal.
"""
