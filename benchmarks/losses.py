"""Cross-entropy with Dice: one softmax with a written gradient beside the plain pair and smp's.

    python benchmarks/losses.py [--out benchmarks/results/losses.json]

Forward and backward of a batch of CamVid crops (8 × 11 × 288 × 384 logits in bf16,
channels_last), wall seconds, best and median of ten.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from pathlib import Path

import segmentation_models_pytorch as smp
import torch

from maskloom.training.losses import IGNORED, cross_entropy, cross_entropy_and_dice, soft_dice

SHAPE = (8, 11, 288, 384)
REPEATS = 10


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results/losses.json")
    out = parser.parse_args().out
    torch.manual_seed(0)
    logits = torch.randn(SHAPE).bfloat16().to(memory_format=torch.channels_last)
    target = torch.randint(0, SHAPE[1], (SHAPE[0], *SHAPE[2:]))
    target[:, :8] = IGNORED
    weights = torch.rand(SHAPE[1]) + 0.5
    smp_ce = torch.nn.CrossEntropyLoss(weights, ignore_index=IGNORED)
    smp_dice = smp.losses.DiceLoss("multiclass", ignore_index=IGNORED)
    rows = {
        "maskloom, one softmax": lambda z: sum(cross_entropy_and_dice(z, target, weights)),
        "maskloom, plain pair": lambda z: cross_entropy(z, target, weights) + soft_dice(z, target),
        "torch CE + smp Dice": lambda z: smp_ce(z.float(), target) + smp_dice(z.float(), target),
    }
    results = {name: seconds(loss, logits) for name, loss in rows.items()}
    first = results["maskloom, one softmax"]["best"]
    for name, value in results.items():
        print(f"{name:24s} {value['best']:.3f} s best {value['median']:.3f} median "
              f"{value['best'] / first:5.2f} x")  # fmt: skip
    machine = {
        "cpu": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
    }
    out.write_text(
        json.dumps(
            {"shape": SHAPE, "torch": torch.__version__, **machine, "seconds": results}, indent=1
        )
    )


def seconds(loss, logits) -> dict[str, float]:
    """Best and median of forward and backward."""
    times = []
    for _ in range(REPEATS + 2):
        leaf = logits.detach().requires_grad_()
        start = time.perf_counter()
        loss(leaf).backward()
        times.append(time.perf_counter() - start)
    return {"best": min(times[2:]), "median": statistics.median(times[2:])}


if __name__ == "__main__":
    main()
