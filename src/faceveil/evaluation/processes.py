"""Cases in processes of their own; none is left, however it ends.

joblib's loky would be less code, but what it started goes on when the process that wants it is
killed in the middle of a case, and Ctrl-C ends in several tracebacks.
"""

from __future__ import annotations

import os
import pickle
import signal
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from faceveil.errors import FaceVeilError

_LOOK_S = 0.5  # a signal that another thread got is seen by the main one after this at the latest


def each_in_processes(
    jobs: int, function: Callable[..., None], calls: Iterable[tuple[Any, ...]]
) -> Iterator[None]:
    """Call a function with each of many arguments, several at a time.

    Every process talks to this one alone, through a pipe of its own, and no thread is involved:
    ending a process at any moment can leave no lock held.

    Args:
        jobs: processes at most.
        function: module-level; what it raises is raised here.
        calls: arguments of each call; picklable.

    Yields:
        None whenever a call has returned.

    Raises:
        FaceVeilError: if the system ended a process.
    """
    waiting = list(calls)[::-1]
    busy: dict[Connection, SpawnProcess] = {}
    everyone: list[SpawnProcess] = []
    try:
        with _without_interrupts():
            for _ in range(min(jobs, len(waiting))):
                ours, theirs = get_context("spawn").Pipe()
                process = get_context("spawn").Process(target=_serve, args=(theirs, function))
                process.start()
                everyone.append(process)
                theirs.close()
                ours.send(waiting.pop())
                busy[ours] = process
        while busy:
            ready = wait(list(busy), timeout=_LOOK_S)
            for ours in [pipe for pipe in busy if pipe in ready]:
                _answer(ours)
                yield
                if waiting:
                    ours.send(waiting.pop())
                else:
                    ours.close()
                    busy.pop(ours).join()
    finally:
        # A case takes minutes: what is not finished is measured again, not waited for.
        for process in everyone:
            process.kill()
        for process in everyone:
            process.join()


def _answer(ours: Connection) -> None:
    """What a call came to."""
    try:
        error = ours.recv()
    except (EOFError, ConnectionResetError):
        raise FaceVeilError(
            "a process was ended by the system, most likely for want of memory; what was "
            "measured is kept: go on with --resume and fewer --jobs"
        ) from None
    if error is not None:
        raise error


def _serve(theirs: Connection, function: Callable[..., None]) -> None:
    """Do what the pipe says until it is closed, or the one at its other end is gone."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            arguments = theirs.recv()
        except (EOFError, ConnectionResetError):
            return
        error: Exception | None = None
        try:
            function(*arguments)
        except Exception as wrong:
            error = _portable(wrong)
        try:
            theirs.send(error)
        except BrokenPipeError:
            return


def _end_with_parent() -> None:
    """A case takes minutes: nobody would stop it once the process that wants it was killed."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _portable(error: Exception) -> Exception:
    """The error, or one that says the same where it cannot be pickled."""
    if not isinstance(error, FaceVeilError):
        error.add_note(f"in a process of its own:\n{''.join(traceback.format_exception(error))}")
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError("".join(traceback.format_exception(error)))
    return error


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Processes begun in here never see Ctrl-C, which a terminal sends to all of a group.

    They would each print where they were. The mask is inherited from their very first instruction;
    a handler of their own would come too late for whoever interrupts while they import.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # it clears the mask when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
