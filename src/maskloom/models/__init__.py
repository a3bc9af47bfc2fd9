"""Networks: one file a paper family, no training code. `registry.MODELS` names them."""
