"""Work in few threads, so that the event loop stays free; a queue and work that have an end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from starlette.requests import Request

from faceveil.web.errors import ApiError

T = TypeVar("T")

SHARE = 4
"""A call may work this part of its time limit, so that those that wait behind it get theirs."""


class Deadline:
    """When the work of a call must end. A thread cannot be stopped, so the work itself looks here.

    Args:
        seconds: from now on, waiting included.

    Attributes:
        work: seconds that the work alone may still take, by an estimate made before it begins.
        fresh: whether nothing has been charged yet.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.work, self.fresh = seconds / SHARE, True
        self._until = time.monotonic() + seconds
        self._given_up = False

    @property
    def left(self) -> float:
        """Seconds, negative once it is over."""
        return self._until - time.monotonic()

    def charge(self, seconds: float) -> None:
        """Take from what the work may still take."""
        self.work, self.fresh = self.work - seconds, False

    def give_up(self) -> None:
        """Nobody waits for the work any more; called on another thread than the work's."""
        self._given_up = True

    def look(self) -> None:
        """Called between photos, between faces and between steps that take long.

        Raises:
            ApiError: ``time_limit`` if the time is up or nobody waits any more.
        """
        if self._given_up or self.left <= 0:
            raise out_of_time(self.seconds)


def out_of_time(seconds: float) -> ApiError:
    """The answer to who asked for too much."""
    return ApiError("time_limit", f"took longer than {seconds:g} seconds; send less at a time")


class WorkPool:
    """Threads for photos, and places for those who wait.

    Places are counted on the event loop alone, so no lock is needed.

    Args:
        workers: threads.
        queue: requests that may be inside beside those worked on.
        seconds: for each request.
    """

    def __init__(self, workers: int, queue: int, seconds: float) -> None:
        self.places, self.seconds = workers + queue, seconds
        self._inside = 0
        self._left_behind = 0
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="faceveil-web")

    @asynccontextmanager
    async def place(self) -> AsyncIterator[Deadline]:
        """Take a place before the body is read, so that memory has a bound as well.

        Raises:
            ApiError: ``busy`` where there is none, ``time_limit`` where the time is up.
        """
        if self._inside + self._left_behind >= self.places:
            raise ApiError("busy", headers={"Retry-After": "2"})
        self._inside += 1
        try:
            async with asyncio.timeout(self.seconds):
                yield Deadline(self.seconds)
        except TimeoutError as error:
            raise out_of_time(self.seconds) from error
        finally:
            self._inside -= 1

    async def run(self, request: Request, deadline: Deadline, work: Callable[[], T]) -> T:
        """Run work in a thread, as long as its client waits for it.

        Work that is given up stops where it next looks at its deadline, and holds its place until
        then; what has not begun does not begin.

        Args:
            request: whose body has been read.
            deadline: what the work looks at.
            work: what is to be done.

        Raises:
            ApiError: ``time_limit`` where the client is gone: nobody reads it.
        """
        loop = asyncio.get_running_loop()
        future: Future[T] = self._threads.submit(work)
        done = asyncio.ensure_future(asyncio.wrap_future(future))
        gone = asyncio.ensure_future(_disconnected(request))
        waited_for: set[asyncio.Future[Any]] = {done, gone}
        try:
            await asyncio.wait(waited_for, return_when=asyncio.FIRST_COMPLETED)
            if done.done():
                return done.result()
            raise out_of_time(self.seconds)
        finally:
            gone.cancel()
            if not done.done():
                deadline.give_up()
                done.cancel()
                if not future.cancel() and not future.done():  # it has begun
                    self._left_behind += 1
                    future.add_done_callback(lambda _: self._tell(loop))

    def _tell(self, loop: asyncio.AbstractEventLoop) -> None:
        with suppress(RuntimeError):  # the server stopped meanwhile
            loop.call_soon_threadsafe(self._came_back)

    def _came_back(self) -> None:
        self._left_behind -= 1

    @property
    def inside(self) -> int:
        """Requests that are waited for."""
        return self._inside

    @property
    def idle(self) -> bool:
        """Whether no thread works."""
        return self._inside + self._left_behind == 0

    def stop(self) -> None:
        """Take no more work; what waits is dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)


async def _disconnected(request: Request) -> None:
    """Returns once the client has closed its connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
