"""Ray for the time of a job: one of its own on this machine, or a cluster that is joined."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from faceveil.errors import FaceVeilError, MissingExtraError, OptionError

STORE_BYTES = 200_000_000
"""Ray's shared memory on this machine: only names of parts and rows of the manifest pass it."""

_ABSENT = '--engine ray needs Ray Data, which is absent; expected: pip install "faceveil[scale]"'
_TOKEN_REFUSED = "InvalidAuthToken"
_MODE, _TOKEN, _TOKEN_PATH = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"


@contextlib.contextmanager
def cluster(address: str | None, workers: int, threads: int) -> Iterator[int]:
    """Ray, for the block: one on this machine, or the cluster of that address.

    Where this process runs Ray already, that is taken, and goes on afterwards.

    Nothing is reported to anybody: usage statistics and the dashboard are off.

    Args:
        address: ``HOST:PORT`` of a running cluster; None starts Ray on this machine.
        workers: processes of the Ray that is started.
        threads: cores of each.

    Yields:
        How many processes of so many cores it has room for.

    Raises:
        MissingExtraError: if Ray is not installed.
        FaceVeilError: if it does not start, or the cluster does not answer.
        OptionError: if the address is none, or no node has so many cores.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # read when Ray is imported
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    own: dict[str, Any] = {
        "num_cpus": workers * threads,
        "include_dashboard": False,
        "object_store_memory": STORE_BYTES,
    }
    if find_spec("ray") is None:
        raise MissingExtraError(_ABSENT)
    with _environment(token_variables(address)):  # read when Ray is imported
        try:
            import ray
            import ray.data
        except ImportError as error:  # Ray without what Ray Data needs
            raise MissingExtraError(f"{_ABSENT} ({last_line(str(error))})") from error
        if ray.is_initialized():
            yield _room(threads)
            return
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # what goes wrong is raised too
        try:
            with _silent():
                ray.init(
                    address=address or "local",
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    **({} if address else own),
                )
        except (ConnectionError, ValueError, RuntimeError, OSError, AssertionError) as error:
            raise FaceVeilError(_why(_first_cause(error), address)) from error
        try:
            yield _room(threads)
        finally:
            ray.shutdown()


def _room(threads: int) -> int:
    import ray

    nodes = [int(n["Resources"].get("CPU", 0)) for n in cast(Any, ray).nodes() if n["Alive"]]
    room = sum(cores // threads for cores in nodes)
    if not room:  # Ray would wait for ever
        most = max(nodes, default=0)
        raise OptionError(f"--jobs: got {threads} cores for a worker; no node has more than {most}")
    return room


def token_variables(address: str | None) -> dict[str, str]:
    """What to add to the environment, so that Ray and we ask for the same token.

    ``ray start --head`` asks for a token as soon as it finds one (seen with 2.60), but whoever
    joins by an address shows none unless told so; and a worker that is shown a token nobody asked
    for does not start. So the cluster is asked first.

    A Ray of our own gets a token of its own: else Ray would write one into the user's home, and
    other clusters on this machine would ask for it from then on.

    Args:
        address: of a running cluster; None for a Ray of our own.

    Raises:
        FaceVeilError: if the cluster does not answer, or asks for a token that is not there.
        OptionError: if the address is none.
    """
    if _MODE in os.environ:
        return {}
    if not address:
        return {_TOKEN: os.environ.get(_TOKEN) or _own_token()}
    refusal = _refusal(address)
    if not refusal:
        return {}
    file = Path(os.environ.get(_TOKEN_PATH) or Path.home() / ".ray" / "auth_token")
    if _TOKEN_REFUSED in refusal and (os.environ.get(_TOKEN) or file.is_file()):
        return {_MODE: "token"}
    raise FaceVeilError(_why(refusal, address))


@cache
def _own_token() -> str:
    """One for the whole process: Ray reads it once."""
    return secrets.token_hex(32)


def _refusal(address: str) -> str:
    """Why a cluster does not answer somebody without a token; empty if it does.

    Ray is asked in a process of its own, since it decides once in a process whether to show a
    token.

    Raises:
        OptionError: if the address is none.
    """
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal() or int(port) > 65535:
        raise OptionError(f"--address: got {address!r}; expected HOST:PORT")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except OSError as error:  # Ray would try for 40 seconds
        return error.strerror or str(error)
    command = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--address", address]
    environment = {**os.environ, _MODE: "disabled"}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
    except subprocess.TimeoutExpired:
        return "no answer in 60 s"
    if done.returncode == 0:
        return ""
    return _TOKEN_REFUSED if _TOKEN_REFUSED in done.stderr else last_line(done.stderr)


@contextlib.contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """These variables for the block; afterwards tokens are as before."""
    before = {name: os.environ.get(name) for name in (_MODE, _TOKEN)}  # Ray sets the mode itself
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Within the block nothing reaches stderr: Ray's native part tells there how much it logs.

    What goes wrong is raised, not printed.
    """
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _first_cause(error: BaseException) -> str:
    while error.__cause__ is not None:  # Ray's last error says only that it did not work
        error = error.__cause__
    return str(error)


def _why(refusal: str, address: str | None) -> str:
    if not address:
        return f"Ray does not start: {last_line(refusal)}"
    if _TOKEN_REFUSED in refusal:
        return (
            f"--address {address}: the cluster asks for a token and none here fits; expected its "
            "~/.ray/auth_token on this machine, or RAY_AUTH_TOKEN (docs/scale.md)"
        )
    return (
        f"--address {address}: no cluster to join ({last_line(refusal)}); expected HOST:PORT of "
        "`ray start --head`, and a node of it on this machine"
    )


def last_line(text: str) -> str:
    """The last line that says something: Ray's messages are whole tracebacks."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"
