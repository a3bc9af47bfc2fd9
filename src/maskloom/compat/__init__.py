"""Other libraries' interfaces over maskloom, for code that was written for them."""
