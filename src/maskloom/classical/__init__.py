"""Methods without training: array in, array out; `registry.METHODS` names them."""
