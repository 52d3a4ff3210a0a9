"""Work in few threads, so that the event loop stays free; a queue that has an end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from faceveil.web.errors import ApiError

T = TypeVar("T")


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
    async def place(self) -> AsyncIterator[None]:
        """Take a place before the body is read, so that memory has a bound as well.

        Raises:
            ApiError: ``busy`` where there is none, ``time_limit`` where the time is up.
        """
        if self._inside + self._left_behind >= self.places:
            raise ApiError("busy", headers={"Retry-After": "2"})
        self._inside += 1
        try:
            async with asyncio.timeout(self.seconds):
                yield
        except TimeoutError as error:
            raise ApiError(
                "time_limit", f"took longer than {self.seconds:g} seconds; send less at a time"
            ) from error
        finally:
            self._inside -= 1

    async def run(self, work: Callable[[], T]) -> T:
        """Run work in a thread. A thread cannot be stopped: it holds its place until it is done."""
        loop = asyncio.get_running_loop()
        future: Future[T] = self._threads.submit(work)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            if not future.cancelled() and not future.done():
                self._left_behind += 1
                future.add_done_callback(lambda _: self._tell(loop))
            raise

    def _tell(self, loop: asyncio.AbstractEventLoop) -> None:
        with suppress(RuntimeError):  # the server stopped meanwhile
            loop.call_soon_threadsafe(self._came_back)

    def _came_back(self) -> None:
        self._left_behind -= 1

    @property
    def idle(self) -> bool:
        """Whether no thread works."""
        return self._inside + self._left_behind == 0

    def stop(self) -> None:
        """Take no more work; what waits is dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)
