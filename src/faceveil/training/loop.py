"""The training loop that all recipes share: schedule, log, checkpoints, resume.

A step draws all its randomness from a generator seeded by the recipe's seed and the step's number,
so that a run stopped anywhere and resumed gives the same weights as an undisturbed one.
"""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from tqdm import tqdm

from faceveil.training import checkpoint

StepFunction = Callable[[int, torch.Generator], tuple[Tensor, dict[str, float]]]


def one_cycle(step: int, steps: int, peak: float, warmup: float = 0.2) -> float:
    """Learning rate: linear from peak/10 to peak over the warm-up, then cosine to peak/100."""
    rise = max(1, round(warmup * steps))
    if step < rise:
        return peak * (0.1 + 0.9 * step / rise)
    fall = (step - rise) / max(1, steps - rise)
    return peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * fall)))


def step_generator(seed: int, step: int) -> torch.Generator:
    """The generator of one step; also seeds the global one (dropout)."""
    mixed = (seed * 1_000_003 + step) % (2**63)
    torch.manual_seed(mixed)
    return torch.Generator().manual_seed(mixed)


def run(
    step_function: StepFunction,
    modules: dict[str, nn.Module],
    optimizer: Optimizer,
    directory: Path,
    *,
    steps: int,
    peak: float,
    seed: int,
    save_every: int = 200,
    resume: bool = True,
) -> dict[str, float]:
    """Train for ``steps`` steps.

    Args:
        step_function: takes (step, generator), returns the loss and the terms to log.
        modules: networks to checkpoint, by name.
        optimizer: the optimiser of the trained ones.
        directory: where ``checkpoint.safetensors`` and ``log.csv`` go.
        steps: total number of steps.
        peak: highest learning rate of the one-cycle schedule.
        seed: seed of everything random.
        save_every: steps between checkpoints.
        resume: go on from a checkpoint if there is one.

    Returns:
        Running means of the logged terms at the end.
    """
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "checkpoint.safetensors"
    start = checkpoint.load(path, modules, optimizer) if resume and path.is_file() else 0
    means: dict[str, float] = {}
    began = time.monotonic()
    with (directory / "log.csv").open("a", newline="") as file:
        log = csv.writer(file)
        progress = tqdm(range(start, steps), initial=start, total=steps, disable=None)
        for step in progress:
            for group in optimizer.param_groups:
                group["lr"] = one_cycle(step, steps, peak)
            optimizer.zero_grad(set_to_none=True)
            loss, terms = step_function(step, step_generator(seed, step))
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            for key, value in terms.items():
                means[key] = value if key not in means else 0.98 * means[key] + 0.02 * value
            if (step + 1) % 50 == 0 or step + 1 == steps:
                seconds = round(time.monotonic() - began, 1)
                log.writerow([step + 1, seconds, *(f"{k}={v:.4f}" for k, v in means.items())])
                file.flush()
                progress.set_postfix({k: f"{v:.3f}" for k, v in means.items()})
            if (step + 1) % save_every == 0 or step + 1 == steps:
                checkpoint.save(path, step + 1, modules, optimizer)
    return means
