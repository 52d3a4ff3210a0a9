"""Ray's tokens: whether a cluster asks for one, and which one it is shown."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path

from faceveil.errors import FaceVeilError, OptionError

MODE, TOKEN, TOKEN_PATH = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
_REFUSED = "InvalidAuthToken"


def token_variables(address: str | None) -> dict[str, str]:
    """What to add to the environment, so that Ray and we ask for the same token.

    ``ray start --head`` asks for a token as soon as it finds one (seen with 2.60), but whoever
    joins by an address shows none unless told so; and a worker that is shown a token nobody asked
    for does not start. So the cluster is asked first.

    A Ray of our own always has a token, one of its own: Ray listens on all addresses of the
    machine, and without a token whoever reaches it runs programs as this user. A cluster that asks
    for none is joined only where the user has said so, by ``RAY_AUTH_MODE=disabled``.

    Args:
        address: of a running cluster; None for a Ray of our own.

    Raises:
        FaceVeilError: if the cluster does not answer, asks for a token that is not there, or asks
            for none.
        OptionError: if the address is none.
    """
    if not address:
        return {MODE: "token", TOKEN: os.environ.get(TOKEN) or _own_token()}
    if MODE in os.environ:
        return {}
    refusal = refusal_of(address)
    if not refusal:
        raise FaceVeilError(
            f"--address {address}: the cluster asks for no token, so whoever reaches it can run "
            "programs on its machines; expected one that does (docs/scale.md); if nobody else can "
            "reach it, set RAY_AUTH_MODE=disabled"
        )
    file = Path(os.environ.get(TOKEN_PATH) or Path.home() / ".ray" / "auth_token")
    if _REFUSED in refusal and (os.environ.get(TOKEN) or file.is_file()):
        return {MODE: "token"}
    raise FaceVeilError(why(refusal, address))


@cache
def _own_token() -> str:
    """One for the whole process: Ray reads it once."""
    return secrets.token_hex(32)


def require_token(address: str) -> None:
    """See that a Ray of our own answers nobody without its token.

    Args:
        address: where it listens.

    Raises:
        FaceVeilError: if it answers.
    """
    refusal = refusal_of(address)
    if _REFUSED not in refusal:
        raise FaceVeilError(
            f"Ray does not ask for its token ({refusal or 'it answered without one'}), so whoever "
            "reaches this machine could run programs on it; expected Ray 2.52 or later; "
            'pip install -U "faceveil[scale]"'
        )


def refusal_of(address: str) -> str:
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
    environment = {k: v for k, v in os.environ.items() if k not in (TOKEN, TOKEN_PATH)}
    environment[MODE] = "disabled"
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
    except subprocess.TimeoutExpired:
        return "no answer in 60 s"
    if done.returncode == 0:
        return ""
    return _REFUSED if _REFUSED in done.stderr else last_line(done.stderr)


def why(refusal: str, address: str | None) -> str:
    """One line for people on why Ray does not start, or cannot be joined."""
    if not address:
        return f"Ray does not start: {last_line(refusal)}"
    if _REFUSED in refusal:
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
