"""Objects: matched by masks, boxes or boundaries; average precision and what goes with it."""
