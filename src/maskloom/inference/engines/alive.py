"""How much of a network's feature maps lies in memory at once."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def alive_bytes_per_pixel(network: nn.Module, example: Tensor) -> float:
    """The most that the maps of a pass hold together, input and output among them.

    Counted while a small pass runs, by the life of each result's storage; sizes follow from the
    network, so that all machines count the same. What layers need inside of them and the weights
    come on top, see `engines/footprint.py`.

    Args:
        network: in evaluation mode, in fp32, on the CPU.
        example: an input (B, C, H, W), H and W multiples of the stride.

    Returns:
        Bytes per pixel of the input, for a network in fp32.
    """
    counted = _Storages([*network.parameters(), *network.buffers()])
    with torch.no_grad(), counted:
        counted.add(example)
        network(example)
    return counted.most / (example.shape[0] * example.shape[2] * example.shape[3])


class _Storages(TorchDispatchMode):
    """Counts the bytes of all storages that operations have made and nobody has let go of.

    Args:
        others: what is not counted, nor views of it.
    """

    def __init__(self, others: Iterable[Tensor]) -> None:
        super().__init__()
        self.alive: int = 0
        self.most: int = 0
        self._seen = {tensor.untyped_storage()._cdata for tensor in others}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        results = func(*args, **(kwargs or {}))
        for result in tree_leaves(results):
            if isinstance(result, Tensor):
                self.add(result)
        return results

    def add(self, tensor: Tensor) -> None:
        """Views and results in place share a storage that is counted already."""
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key not in self._seen:
            self._seen.add(key)
            self.alive += storage.nbytes()
            self.most = max(self.most, self.alive)
            weakref.finalize(storage, self._gone, key, storage.nbytes())

    def _gone(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self.alive -= size
