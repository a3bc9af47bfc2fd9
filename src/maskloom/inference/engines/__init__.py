"""What computes a network's forward pass: torch, and whatever runs an exported network."""
