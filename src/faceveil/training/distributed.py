"""Several processes (``torchrun``), one per GPU: data-parallel training without wrappers.

The recipes call parts of their networks, not one ``forward``, so gradients are averaged here in
place of ``DistributedDataParallel``; the arithmetic is the same. Alone, all of this does nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch import distributed as dist

from faceveil.errors import OptionError


@contextmanager
def group(device: str) -> Iterator[str]:
    """Join the processes that ``torchrun`` started, if it did.

    Args:
        device: ``auto``, ``cpu`` or ``cuda``.

    Yields:
        The device of this process, ``cpu`` or ``cuda``.

    Raises:
        OptionError: if the device is unknown or not there.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise OptionError(f"device: got {device!r}; expected auto, cpu or cuda")
    there = torch.cuda.is_available()
    if device == "cuda" and not there:
        raise OptionError("device: got 'cuda'; torch sees no GPU here; use --device cpu")
    chosen = "cpu" if device == "cpu" or not there else "cuda"
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield chosen
        return
    if chosen == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if chosen == "cuda" else "gloo")
    try:
        yield chosen
        wait()  # nobody hangs up while another one is still talking
    finally:
        dist.destroy_process_group()


def leave(code: int) -> None:
    """End a process that ``torchrun`` started, at once; alone, do nothing.

    Its work is done and written. Tearing torch down at the interpreter's end was seen to abort
    about one process in fifty ("terminate called without an active exception"), which fails the
    whole run.

    Args:
        code: the exit code.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def rank() -> int:
    """This process's number, 0 where there is only one."""
    return dist.get_rank() if dist.is_initialized() else 0


def world() -> int:
    """Number of processes."""
    return dist.get_world_size() if dist.is_initialized() else 1


def share(batch: int) -> int:
    """This process's part of a batch.

    Raises:
        OptionError: if the batch cannot be dealt out evenly.
    """
    if batch % world():
        raise OptionError(f"batch: {batch} faces for {world()} processes; expected a multiple")
    return batch // world()


def average_gradients(parameters: Sequence[nn.Parameter]) -> None:
    """Replace each gradient by its mean over the processes, in one message.

    A parameter without a gradient is one that this step does not train, in every process.
    """
    parameters = [p for p in parameters if p.grad is not None]
    if world() == 1 or not parameters:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([g.reshape(-1) for g in gradients])
    dist.all_reduce(flat)
    flat /= world()
    parts = torch.split(flat, [g.numel() for g in gradients])
    for parameter, gradient in zip(parameters, parts, strict=True):
        parameter.grad = gradient.view_as(parameter).clone()


def same_start(tensors: Sequence[Tensor]) -> None:
    """Give every process the first one's tensors."""
    if world() > 1:
        for tensor in tensors:
            contiguous = tensor.contiguous()
            dist.broadcast(contiguous, 0)
            tensor.copy_(contiguous)


def any_true(value: bool) -> bool:
    """Whether it is true in any process, so that all stop after the same step."""
    if world() == 1:
        return value
    device = "cuda" if dist.get_backend() == "nccl" else "cpu"
    flag = torch.tensor(float(value), device=device)
    dist.all_reduce(flag, dist.ReduceOp.MAX)
    return bool(flag > 0)


def agreed(number: int) -> bool:
    """Whether it is the same number in every process."""
    if world() == 1:
        return True
    device = "cuda" if dist.get_backend() == "nccl" else "cpu"
    both = torch.tensor([number, -number], device=device)
    dist.all_reduce(both, dist.ReduceOp.MAX)
    return bool(both.sum() == 0)


def wait() -> None:
    """Wait until every process is here: after this, all see the files that the first one wrote."""
    if world() > 1:
        dist.barrier()


@contextmanager
def first_goes_first() -> Iterator[None]:
    """The first process runs the block before the others do (who then find its cache)."""
    if world() > 1 and rank() != 0:
        dist.barrier()
    yield
    if world() > 1 and rank() == 0:
        dist.barrier()
