"""``faceveil serve`` in a process of its own, and calls to it."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
from benchmarks.reliability.common import FACEVEIL, quiet


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: where it answers, its process, and what it says on stderr."""

    url: str
    pid: int
    stderr: str


@contextlib.contextmanager
def serving(*options: str) -> Iterator[Server]:
    """A server on a free port, stopped at the end."""
    with tempfile.NamedTemporaryFile("w+", suffix=".log") as log:
        child = subprocess.Popen(
            [*FACEVEIL, "serve", "--port", "0", *options],
            stdout=subprocess.PIPE, stderr=log, text=True, env=quiet(),
        )  # fmt: skip
        try:
            assert child.stdout is not None
            line = child.stdout.readline()
            if "http" not in line:
                raise RuntimeError(f"the server did not start: {line!r}")
            yield Server(line.split()[1].partition("#")[0].rstrip("/"), child.pid, log.name)
            if child.poll() is not None:
                raise RuntimeError(f"the server ended by itself with {child.returncode}")
        finally:
            child.terminate()
            try:
                child.wait(40)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            child.stdout.close()


def send(
    client: httpx.Client | httpx.AsyncClient, path: str, files: dict[str, bytes], **fields: str
) -> httpx.Response:
    """POST a form (awaitable where the client is asynchronous)."""
    parts = [(field, ("photo", data)) for field, data in files.items()]
    return client.post(f"/api/v1/{path}", files=parts, data=fields)  # type: ignore[return-value]
