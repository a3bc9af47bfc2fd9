"""Metrics for validation loops, as torchmetrics has them: update with tensors, compute, reset.

torch is not imported: a tensor is known by what it can do. On a GPU, what can be made small there
is made small before it is copied.
"""
