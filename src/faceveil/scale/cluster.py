"""Ray for the time of a job: one of its own on this machine, or a cluster that is joined."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any, cast

from faceveil.errors import FaceVeilError, MissingExtraError, OptionError, missing_extra
from faceveil.scale.token import MODE, TOKEN, require_token, token_variables, why

STORE_BYTES = 200_000_000
"""Ray's shared memory on this machine: only names of parts and rows of the manifest pass it."""

OLDEST = (2, 52)
"""The first Ray that knows tokens: before it whoever reaches the machine runs programs on it."""

_ABSENT = '--engine ray needs Ray Data, which is absent; expected: pip install "faceveil[scale]"'


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
        MissingExtraError: if Ray is not installed, or too old to ask for a token.
        FaceVeilError: if it does not start, the cluster does not answer, or no token is asked for.
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
    _check_version()
    with _environment(token_variables(address)):  # read when Ray is imported
        try:
            import ray
            import ray.data
        except ImportError as error:  # Ray without what Ray Data needs
            raise missing_extra("--engine ray", error, "scale") from error
        if ray.is_initialized():
            yield _room(threads)
            return
        _see_environment()
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # what goes wrong is raised too
        try:
            with _silent():
                ray.init(
                    address=address or "local",
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    **({} if address else own),
                )
                if not address:
                    require_token(ray.get_runtime_context().gcs_address)
        except FaceVeilError:
            ray.shutdown()
            raise
        except (ConnectionError, ValueError, RuntimeError, OSError, AssertionError) as error:
            raise FaceVeilError(why(_first_cause(error), address)) from error
        try:
            yield _room(threads)
        finally:
            ray.shutdown()


def _check_version() -> None:
    """Refuse a Ray without tokens before it is imported.

    Raises:
        MissingExtraError: if it is one.
    """
    try:
        found = version("ray")
    except PackageNotFoundError:  # a build of the user's own; whether it asks for one is seen later
        return
    numbers = re.match(r"(\d+)\.(\d+)", found)
    if numbers and (int(numbers[1]), int(numbers[2])) < OLDEST:
        raise MissingExtraError(
            f"--engine ray: got Ray {found}, which asks nobody for a token and so lets others run "
            f"programs on this machine; expected {OLDEST[0]}.{OLDEST[1]} or later; "
            'pip install -U "faceveil[scale]"'
        )


def _see_environment() -> None:
    """Have Ray read again whether there are tokens: it may have been imported before us.

    Ray itself does so where it turns tokens on; where it cannot, the start is refused afterwards.
    """
    from ray import _raylet

    config = getattr(_raylet, "Config", None)
    if config is not None:
        config.initialize("")


def _room(threads: int) -> int:
    import ray

    nodes = [int(n["Resources"].get("CPU", 0)) for n in cast(Any, ray).nodes() if n["Alive"]]
    room = sum(cores // threads for cores in nodes)
    if not room:  # Ray would wait for ever
        most = max(nodes, default=0)
        raise OptionError(f"--jobs: got {threads} cores for a worker; no node has more than {most}")
    return room


@contextlib.contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """These variables for the block; afterwards tokens are as before."""
    before = {name: os.environ.get(name) for name in (MODE, TOKEN)}  # Ray sets the mode itself
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
