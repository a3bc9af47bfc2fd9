"""The training loop: one step, validations, the best weights, a state to resume from.

Lightning Fabric places network and data (devices, precision, DDP); everything else is here.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from maskloom.core.run import SELECTED_BY, Run
from maskloom.inference.open_run import segmenter_of
from maskloom.report.words import meaning
from maskloom.training.batches import Batch, Batches
from maskloom.training.objective import objective_of
from maskloom.training.plan import Plan
from maskloom.training.schedule import Averaged, learning_rate
from maskloom.training.state import State
from maskloom.training.validation import validate
from maskloom.work import progress

_LOG_EVERY = 10
_SAVE_SECONDS = 60.0

Keep = Callable[[dict[str, Tensor], dict[str, float]], None]
Save = Callable[[State, dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Sinks:
    """What the loop hands out: `keep` takes better weights, `save` a state to resume from."""

    keep: Keep
    save: Save


class Loop:
    """One run from its present step to its last.

    Args:
        plan: what to train.
        fabric: launched; where to train.
        state: where the run stands; changed in place.
        run: what the weights will be described by.
        tensors: of a saved state, or None to start.
    """

    def __init__(
        self,
        plan: Plan,
        fabric: Fabric,
        state: State,
        *,
        run: Run,
        tensors: dict[str, Any] | None,
    ) -> None:
        self.plan, self.fabric, self.state, self.described = plan, fabric, state, run
        self.objective = objective_of(plan)
        network = plan.network().to(memory_format=torch.channels_last)
        optimizer = torch.optim.AdamW(
            _decayed(network, plan.recipe.weight_decay), lr=plan.recipe.lr, fused=True
        )
        self.network: Any
        self.network, self.optimizer = fabric.setup(network, optimizer)
        self.bare: nn.Module = self.network.module
        self.average = Averaged(self.bare, plan.recipe.ema) if plan.recipe.ema else None
        if tensors is not None:
            self.bare.load_state_dict(tensors["network"])
            self.optimizer.load_state_dict(tensors["optimizer"])
            if self.average is not None:
                self.average.values = {
                    k: v.to(fabric.device) for k, v in tensors["average"].items()
                }
        self.recent = state.recent
        self.saved = time.monotonic()

    def start_from(self, weights: dict[str, Tensor]) -> None:
        """Begin at these weights instead of random ones; the averages begin there too."""
        self.bare.load_state_dict(weights)
        if self.average is not None:
            for key, value in self.average.values.items():
                value.copy_(weights[key])

    def run(self, sinks: Sinks) -> None:
        """Train until the last step, the time limit, or no improvement."""
        plan, state = self.plan, self.state
        batches = Batches(
            plan,
            self.objective,
            rank=self.fabric.global_rank,
            world=self.fabric.world_size,
        )
        clock = time.monotonic()
        with progress.bar("training", plan.steps, "step") as bar:
            bar.advance(state.step)
            for step, batch in batches.between(state.step, plan.steps):
                self._step(step, batch)
                state.step = step + 1
                now = time.monotonic()
                state.seconds += now - clock
                clock = now
                stop = self._should_stop()
                if state.step % plan.eval_every == 0 or state.step == plan.steps or stop:
                    self._validate(sinks)
                    clock = time.monotonic()
                    state.validating += clock - now
                    stop = stop or self._should_stop()
                self._maybe_save(sinks, final=stop or state.step == plan.steps)
                bar.advance(1, self._note())
                if stop:
                    break

    def tensors(self) -> dict[str, Any]:
        """What `save_state` keeps."""
        out = {"network": self.bare.state_dict(), "optimizer": self.optimizer.state_dict()}
        if self.average is not None:
            out["average"] = self.average.values
        return out

    def _step(self, step: int, batch: Batch) -> None:
        plan = self.plan
        torch.manual_seed(plan.seed + 1 + step)  # dropout must not depend on earlier sittings
        rate = learning_rate(plan.recipe, step, plan.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.network.train()
        move = self.fabric.to_device
        losses = self.objective.losses(self.network, move(batch.images), batch.targets, move)
        loss = sum(losses.values(), torch.zeros((), device=self.fabric.device))
        self.optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        if plan.recipe.grad_clip > 0:
            torch.nn.utils.clip_grad_norm_(self.bare.parameters(), plan.recipe.grad_clip)
        self.optimizer.step()
        if self.average is not None:
            self.average.update(self.bare, step)
        values = {name: float(value.detach()) for name, value in losses.items()}
        for name, value in (*values.items(), ("loss", math.fsum(values.values()))):
            self.recent[name] = (
                value if step == 0 else 0.9 * self.recent.get(name, value) + 0.1 * value
            )
        if (step + 1) % _LOG_EVERY == 0 or step + 1 == plan.steps:
            self._log(step + 1, {"lr": rate, **self.recent})

    def _validate(self, sinks: Sinks) -> None:
        plan, state = self.plan, self.state
        weights = self.average.values if self.average is not None else self.bare.state_dict()
        scores: dict[str, float] = {}
        if self.fabric.is_global_zero:
            device = self.fabric.device.type
            network = plan.network().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
            network.load_state_dict(weights)
            segmenter = segmenter_of(network.eval(), self.described, device=device)
            scores = validate(segmenter, plan.validation, plan.task)
        scores = self.fabric.broadcast(scores)
        self._log(state.step, {f"val_{name}": value for name, value in scores.items()})
        if (scores["score"], scores["tie"]) > (state.best, state.best_tie):
            state.best, state.best_tie = scores["score"], scores["tie"]
            state.best_step, state.since_best = state.step, 0
            if self.fabric.is_global_zero:
                sinks.keep(weights, scores)
        else:
            state.since_best += 1

    def _should_stop(self) -> bool:
        recipe, state = self.plan.recipe, self.state
        tired = recipe.patience > 0 and state.since_best >= recipe.patience
        late = 0 < 60 * recipe.minutes <= state.seconds + state.validating
        return bool(self.fabric.broadcast(tired or late))

    def _maybe_save(self, sinks: Sinks, *, final: bool) -> None:
        self.state.finished = final
        due = final or time.monotonic() - self.saved >= _SAVE_SECONDS
        due = due or self.state.step % self.plan.eval_every == 0
        if due and self.fabric.is_global_zero:
            sinks.save(self.state, self.tensors())
            self.saved = time.monotonic()

    def _log(self, step: int, values: dict[str, float]) -> None:
        curves = self.state.curves
        steps = curves.setdefault("step", [])
        if not steps or steps[-1] != step:
            for column in curves.values():
                column.append(math.nan)
            steps[-1] = float(step)
            curves.setdefault("seconds", [math.nan] * len(steps))[-1] = round(self.state.seconds, 1)
        for name, value in values.items():
            curves.setdefault(name, [math.nan] * len(steps))[-1] = value

    def _note(self) -> str:
        text = f"loss {self.recent.get('loss', math.nan):.3f}"
        if self.state.best >= 0:
            name = meaning(SELECTED_BY[self.plan.task]).label
            text += f", best {name} {self.state.best:.3f}"
        return text


def _decayed(network: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Two groups: weights of two or more axes decay, biases and norms do not."""
    named = [p for p in network.parameters() if p.requires_grad]
    return [
        {"params": [p for p in named if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in named if p.ndim <= 1], "weight_decay": 0.0},
    ]
