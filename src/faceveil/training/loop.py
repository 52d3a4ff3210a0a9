"""The training loop that all recipes share: schedule, log, checkpoints, resume, several processes.

A step draws all its randomness from a generator seeded by the recipe's seed and the step's number,
so that a run stopped anywhere and resumed gives the same weights as an undisturbed one.
"""

from __future__ import annotations

import csv
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from tqdm import tqdm

from faceveil.errors import OptionError
from faceveil.training import checkpoint, distributed

StepFunction = Callable[[int, torch.Generator], tuple[Tensor, dict[str, float]]]


class StoppedError(KeyboardInterrupt):
    """The run was asked to stop; its checkpoint is at the last finished step."""


def one_cycle(step: int, steps: int, peak: float, warmup: float = 0.2) -> float:
    """Learning rate: linear from peak/10 to peak over the warm-up, then cosine to peak/100."""
    rise = max(1, round(warmup * steps))
    if step < rise:
        return peak * (0.1 + 0.9 * step / rise)
    fall = (step - rise) / max(1, steps - rise)
    return peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * fall)))


def constant(step: int, steps: int, peak: float) -> float:
    """Learning rate: always the same."""
    return peak


def step_decay(step: int, steps: int, peak: float, share: float = 0.8) -> float:
    """Learning rate of Gender-AN: ``peak``, a tenth of it after ``share`` of the steps."""
    return peak if step < share * steps else peak / 10


def linear_decay(step: int, steps: int, peak: float) -> float:
    """Learning rate of StarGAN: ``peak``, falling linearly to 0 over the second half."""
    return peak * min(1.0, 2 * (1 - step / steps))


SCHEDULES: dict[str, Callable[[int, int, float], float]] = {
    "one_cycle": one_cycle,
    "constant": constant,
    "step": step_decay,
    "linear": linear_decay,
}
"""Learning rates by the name that recipes give them: (step, steps, peak) -> rate."""


def step_generator(seed: int, step: int) -> torch.Generator:
    """The generator of one step; also seeds the global one (dropout). Differs by process."""
    mixed = (seed * 1_000_003 + step + distributed.rank() * 7_368_787) % (2**63)
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
    epoch: int = 0,
    on_epoch: Callable[[int], None] | None = None,
    schedule: Callable[[int, int, float], float] = one_cycle,
) -> dict[str, float]:
    """Train for ``steps`` steps, from the checkpoint in ``directory`` if there is one.

    Of several processes, each draws its own batch; gradients are averaged, and the first writes.

    Args:
        step_function: takes (step, generator), returns the loss and the terms to log.
        modules: networks to checkpoint, by name.
        optimizer: the optimiser of the trained ones.
        directory: where ``checkpoint.safetensors`` and ``log.csv`` go.
        steps: total number of steps.
        peak: highest learning rate of the schedule.
        seed: seed of everything random.
        save_every: steps between checkpoints.
        epoch: steps of an epoch; 0 for none.
        on_epoch: called with the step's number after each epoch and at the end.
        schedule: takes (step, steps, peak), returns the learning rate.

    Returns:
        Running means of the logged terms at the end.

    Raises:
        OptionError: if processes find different checkpoints.
        StoppedError: on an interrupt or a termination signal, once the checkpoint is written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "checkpoint.safetensors"
    start = checkpoint.load(path, modules, optimizer) if path.is_file() else 0
    if not distributed.agreed(start):
        raise OptionError(
            f"{path}: at step {start} here, elsewhere at another; expected a folder of runs that "
            "all hosts share"
        )
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    distributed.same_start([t for m in modules.values() for t in m.state_dict().values()])
    log = Log(directory / "log.csv", checkpoint.means_of(path) if start else {})
    first = distributed.rank() == 0
    progress = tqdm(
        range(start, steps),
        initial=start,
        total=steps,
        desc=directory.name,
        disable=None if first else True,
    )
    with _stop_flag() as stop:
        for step in progress:
            for group in optimizer.param_groups:
                group["lr"] = schedule(step, steps, peak)
            optimizer.zero_grad(set_to_none=True)
            loss, terms = step_function(step, step_generator(seed, step))
            loss.backward()  # type: ignore[no-untyped-call]
            distributed.average_gradients(parameters)
            optimizer.step()
            log.add(terms)
            last = step + 1 == steps
            stopping = distributed.any_true(stop.is_set())
            if first and ((step + 1) % 50 == 0 or last):
                log.write(step + 1)
                progress.set_postfix({k: f"{v:.3f}" for k, v in log.means.items()})
            if first and ((step + 1) % save_every == 0 or last or stopping):
                checkpoint.save(path, step + 1, modules, optimizer, log.means)
            if first and on_epoch is not None and (last or (epoch and (step + 1) % epoch == 0)):
                on_epoch(step + 1)
            if stopping and not last:
                raise StoppedError(f"stopped after step {step + 1} of {steps}")
    distributed.wait()
    return log.means


def fit(
    network: nn.Module,
    step_function: StepFunction,
    directory: Path,
    *,
    steps: int,
    peak: float,
    seed: int,
    weight_decay: float,
    betas: tuple[float, ...] = (0.9, 0.999),
    schedule: Callable[[int, int, float], float] = one_cycle,
) -> None:
    """Train one network with AdamW; see :func:`run`.

    Args:
        network: in evaluation mode afterwards; ``network`` in the checkpoint.
        step_function: its loss.
        directory: where checkpoint and log go.
        steps: total number of steps.
        peak: highest learning rate.
        seed: seed of everything random.
        weight_decay: of AdamW; with 0 it is Adam.
        betas: of AdamW.
        schedule: of the learning rate.
    """
    first, second = betas
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=peak, betas=(first, second), weight_decay=weight_decay
    )
    network.train()
    run(
        step_function,
        {"network": network},
        optimizer,
        directory,
        steps=steps,
        peak=peak,
        seed=seed,
        schedule=schedule,
    )
    network.eval()


class Log:
    """Running means of the terms, as CSV: step, seconds, then one column per term.

    Args:
        path: the file; lines are added to what an earlier part of the run wrote.
        means: those of the earlier part.
    """

    def __init__(self, path: Path, means: dict[str, float]) -> None:
        self.path = path
        self.means = dict(means)
        self._began = time.monotonic()

    def add(self, terms: dict[str, float]) -> None:
        """Take in the terms of one step (exponential mean over about 50 steps)."""
        for key, value in terms.items():
            old = self.means.get(key, value)
            self.means[key] = 0.98 * old + 0.02 * value

    def write(self, step: int) -> None:
        """Add a line; a header first where the file is new."""
        new = not self.path.exists()
        with self.path.open("a", newline="") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(["step", "seconds", *self.means])
            seconds = round(time.monotonic() - self._began, 1)
            writer.writerow([step, seconds, *(f"{v:.4f}" for v in self.means.values())])


@contextmanager
def _stop_flag() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set, so that a step is never cut in half."""
    flag = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield flag  # handlers can be set in the main thread only
        return

    def handler(_signal: int, _frame: FrameType | None) -> None:
        flag.set()

    before = {s: signal.signal(s, handler) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield flag
    finally:
        for number, old in before.items():
            signal.signal(number, old)
