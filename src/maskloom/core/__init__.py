"""The nouns: frozen dataclasses over numpy that every other layer speaks."""
