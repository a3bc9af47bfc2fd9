"""Networks to and from a run's folder; what the run says is `core/run.py`.

The safetensors file is the truth: its header holds the whole of model.json, so that weights and
their description change together by one rename. model.json is a copy for people and scripts.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from maskloom import registry
from maskloom.core.run import WEIGHTS, Run, weights_offset
from maskloom.errors import CheckpointError
from maskloom.models.family import Family, Outputs, build_network
from maskloom.store.files import atomic_write_bytes


def model_options(family: Family, options: dict[str, Any]) -> Any:
    """The family's options from their JSON form."""
    return family.Options(**{k: tuple(v) if isinstance(v, list) else v for k, v in options.items()})


def outputs_of(run: Run) -> Outputs:
    """What the run's network tells."""
    return Outputs.of(run.taxonomy, run.task, background=run.background)


def build(run: Run) -> nn.Module:
    """The run's network with random weights."""
    family: Family = registry.load("models", run.model)
    options = model_options(family, dict(run.options))
    channels = len(run.preprocessing.channels)
    return build_network(family, options, channels, outputs_of(run), run.task)


def save(run: Run, weights: dict[str, Tensor]) -> Run:
    """Write model.safetensors and model.json.

    Args:
        run: what to write; its hash is replaced.
        weights: a state dict.

    Returns:
        The run with the sha256 of the weights' bytes.

    Raises:
        WriteError: the folder cannot be written.
    """
    tensors = {k: v.detach().cpu().contiguous() for k, v in sorted(weights.items())}
    plain = safetensors.torch.save(tensors)
    run = replace(
        run, weights_sha256=hashlib.sha256(memoryview(plain)[weights_offset(plain) :]).hexdigest()
    )
    text = json.dumps(run.to_json(), indent=1, ensure_ascii=False)
    atomic_write_bytes(
        run.path / WEIGHTS, safetensors.torch.save(tensors, metadata={"maskloom": text})
    )
    atomic_write_bytes(run.path / "model.json", text.encode())
    return run


def load(run: Run) -> nn.Module:
    """The run's network with its weights, in evaluation mode.

    Raises:
        CheckpointError: the weights are missing, damaged, or of another network.
    """
    file = run.path / WEIGHTS
    data = file.read_bytes()
    if hashlib.sha256(memoryview(data)[weights_offset(data) :]).hexdigest() != run.weights_sha256:
        raise CheckpointError(
            "the weights are damaged: their hash is not the recorded one",
            where=file,
            hint="train again or copy the run again",
        )
    network = build(run)
    try:
        network.load_state_dict(safetensors.torch.load(data))
    except (RuntimeError, ValueError, safetensors.SafetensorError) as error:
        raise CheckpointError(
            "the weights do not fit the network", where=file, seen=error
        ) from error
    return network.eval().to(memory_format=torch.channels_last)
