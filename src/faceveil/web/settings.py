"""What the server may do: addresses, limits, and the token."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from faceveil.errors import OptionError
from faceveil.imaging.decode import MAX_PIXELS

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
MIN_TOKEN = 16
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Settings:
    """How the server runs.

    Attributes:
        host: address to listen on.
        port: TCP port; 0 takes a free one.
        token: bearer token that every call of the API must carry; None for none.
        allowed_hosts: further names by which clients may call the server (a reverse proxy's).
        max_photo_bytes: of one file.
        max_request_bytes: of one request, all files and fields together.
        max_pixels: width x height of one photo, checked before it is decoded.
        max_files: photos in one request.
        seconds: for one request, upload, waiting and work together.
        workers: photos worked on at the same time.
        queue: requests that may wait beside those; more are answered with 429.

    Raises:
        OptionError: if a value cannot be used, or the server would be reachable from other machines
            without a token.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    token: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    max_photo_bytes: int = 64 * MIB
    max_request_bytes: int = 128 * MIB
    max_pixels: int = MAX_PIXELS
    max_files: int = 50
    seconds: float = 120.0
    workers: int = 2
    queue: int = 8

    def __post_init__(self) -> None:
        for name, least, most in (
            ("port", 0, 65535),
            ("max_photo_bytes", 1, None),
            ("max_request_bytes", 1, None),
            ("max_pixels", 1, None),
            ("max_files", 1, None),
            ("workers", 1, 64),
            ("queue", 0, None),
        ):
            value = getattr(self, name)
            if value < least or (most is not None and value > most):
                upper = "or more" if most is None else f"to {most}"
                raise OptionError(f"{name}: got {value}; expected {least} {upper}")
        if not self.seconds > 0:
            raise OptionError(f"seconds: got {self.seconds}; expected more than 0")
        if self.token is not None and not _good_token(self.token):
            raise OptionError(
                f"token: got {len(self.token)} characters; expected {MIN_TOKEN} or more, ASCII "
                "without blanks; '--token new' makes one"
            )
        if self.token is None and not is_loopback(self.host):
            raise OptionError(
                f"host: {self.host} can be reached from other machines; expected a token as well; "
                "add '--token new', or leave --host out"
            )
        if self.token is None and self.allowed_hosts:
            raise OptionError(
                f"allow-host: {self.allowed_hosts[0]} says that others reach this server through a "
                "proxy; expected a token as well; add '--token new'"
            )

    def knows_host(self, host: str) -> bool:
        """Whether a Host header names this server.

        A page of an attacker whose name resolves to this machine (DNS rebinding) sends its own name
        here. An address in figures cannot be such a name; it is taken where the server listens
        beyond loopback, since its own addresses are not known.
        """
        name = host_name(host)
        if name in LOOPBACK_NAMES or name == self.host.lower():
            return True
        if name in {host_name(allowed) for allowed in self.allowed_hosts}:
            return True
        return not is_loopback(self.host) and _is_address(name)


def host_name(host: str) -> str:
    """The name in a Host header, lower case, without port and brackets."""
    host = host.strip().lower()
    if host.startswith("["):
        name, _, rest = host[1:].partition("]")
        whole = not rest or (rest[0] == ":" and rest[1:].isdecimal())
        return name if whole else host
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens there."""
    if host == "localhost":
        return True
    return _is_address(host) and ipaddress.ip_address(host).is_loopback


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _good_token(token: str) -> bool:
    printable = token.isascii() and token.isprintable() and " " not in token
    return printable and len(token) >= MIN_TOKEN
