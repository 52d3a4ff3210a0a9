"""The secret that decides random targets: read from a file, or made on first use and kept.

A target that anybody could compute again would say what the face was; so without a key of the
user's own, this machine's is used: in the user's configuration folder, readable by nobody else.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
import string
import sys
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from faceveil.errors import OptionError

VARIABLE = "FACEVEIL_KEY"
"""Environment variable that names a key file, for containers."""

LEAST = 16
"""Bytes of a secret key: fewer could be tried out."""

_MOST = 65_536  # bytes of a key file: more is no key
_LEAST_DIFFERENT = 8  # values among the bytes; 16 random ones practically never have fewer
_LEAST_PASSWORD = 12  # characters
_TEXT = frozenset(string.printable.encode())


@dataclass(frozen=True, slots=True)
class Key:
    """A key and where it comes from.

    Attributes:
        secret: at least 16 bytes; not shown when printed.
        told: what the user should be told once, or nothing.
    """

    secret: bytes = field(repr=False)
    told: str = ""


def read_key(path: Path) -> Key:
    """A key from a file.

    Random bytes are taken as they are. A line of text is a password: it is stretched by scrypt, so
    that trying out many is slow.

    Args:
        path: a regular file; anything else (a pipe, a device) is refused unread.

    Raises:
        OptionError: if it cannot be read, is no regular file, or could be guessed.
    """
    try:
        kind = path.stat()
        if not stat.S_ISREG(kind.st_mode):
            raise OptionError(f"{path}: not a regular file; expected a file of random bytes")
        if kind.st_size > _MOST:
            raise OptionError(f"{path}: {kind.st_size:,} bytes; at most {_MOST:,} make a key")
        data = path.read_bytes()
    except OSError as error:
        raise OptionError(f"{path}: {error.strerror}; expected random bytes") from error
    if not data:
        raise OptionError(f"{path}: is empty; expected at least {LEAST} random bytes")
    told = ""
    if os.name == "posix" and kind.st_mode & 0o077:
        told = f"{path}: others can read this key; make it yours alone with 'chmod 600'"
    return Key(_checked(data), told)


def own_key() -> Key:
    """This machine's key: from the file that ``FACEVEIL_KEY`` names, else the user's own.

    The user's own is made where there is none; where no folder can be written, it holds for this
    process only, and ``told`` says so. Within a process the answer stays the same.

    Raises:
        OptionError: if a key file is there that cannot be used.
    """
    named = os.environ.get(VARIABLE)
    return _own_key(Path(named) if named else None, config_folder() / "key")


def known_key() -> bytes:
    """This machine's key if there is one, else nothing: who only looks makes none."""
    if not os.environ.get(VARIABLE) and not (config_folder() / "key").is_file():
        return b""
    return own_key().secret


def config_folder() -> Path:
    """FaceVeil's folder in the user's configuration; it need not exist."""
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA") or "~/AppData/Roaming")
    elif sys.platform == "darwin":
        base = Path("~/Library/Application Support")
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config")
    try:
        return base.expanduser() / "faceveil"
    except RuntimeError:  # no home: a user without a name in a container
        return base / "faceveil"


def stretched(secret: bytes, purpose: bytes, size: int) -> bytes:
    """``size`` bytes that tell keys apart but from which a key cannot be tried out quickly."""
    return hashlib.scrypt(secret, salt=b"faceveil " + purpose, n=2**14, r=8, p=1, dklen=size)


@lru_cache(maxsize=8)
def _own_key(named: Path | None, path: Path) -> Key:
    if named is not None:
        return read_key(named)
    if path.is_file():
        return read_key(path)
    try:
        made = _create(path)
    except OSError as error:
        return Key(
            secrets.token_bytes(32),
            f"{path}: {error.strerror}; random targets hold for this run only; name a key with "
            f"--key or {VARIABLE} to repeat them",
        )
    if made:
        return Key(read_key(path).secret, f"made a key for random targets, in {path}; keep it")
    return read_key(path)  # another process was first


def _create(path: Path) -> bool:
    """Write a new key, whole or not at all; False where one has come in the meantime."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".key.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(32))
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)  # unlike a rename, never over another's
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    return True


def _checked(data: bytes) -> bytes:
    text = data.strip()
    if set(text) <= _TEXT and len(text) < 2 * LEAST and b"\n" not in text:
        if len(text) < _LEAST_PASSWORD or len(set(text)) < _LEAST_DIFFERENT:
            raise OptionError(
                f"key: got a text of {len(text)} characters; expected {LEAST} random bytes, as "
                f"from 'head -c 32 /dev/urandom', or at least {_LEAST_PASSWORD} mixed characters"
            )
        return stretched(text, b"password", 32)
    check_secret(data)
    return data


def check_secret(secret: bytes) -> None:
    """Refuse what is no secret.

    Raises:
        OptionError: if there are fewer than 16 bytes, or few different ones.
    """
    if len(secret) < LEAST or len(set(secret)) < _LEAST_DIFFERENT:
        what = f"{len(secret)} bytes, {len(set(secret))} of them different"
        raise OptionError(
            f"key: got {what}; expected at least {LEAST} random ones, such as "
            "'head -c 32 /dev/urandom' gives"
        )
