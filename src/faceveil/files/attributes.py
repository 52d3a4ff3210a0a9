"""What a file that replaces another keeps of it: mode, owner, times, extended attributes."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_MOST = 1024
"""Bytes of an extended attribute that is kept: a larger one may hold a preview of the photo."""


def keep_attributes(old: Path, new: Path) -> None:
    """Give a new file the attributes of the one that it is to replace; never more rights.

    What the system does not let this user set is left out. Where the group cannot be kept, the
    group's rights go: another group must not gain them.

    Args:
        old: the file that is there.
        new: the one that takes its place, not yet under its name.
    """
    found = os.stat(old)
    mode = found.st_mode & 0o777
    os.chmod(new, mode & 0o700)  # nobody else in the meantime
    if hasattr(os, "chown"):
        with contextlib.suppress(OSError):
            os.chown(new, found.st_uid, -1)
        with contextlib.suppress(OSError):
            os.chown(new, -1, found.st_gid)
    if os.stat(new).st_gid != found.st_gid:
        mode &= 0o707
    else:
        _keep_extended(old, new)
    os.chmod(new, mode)
    os.utime(new, ns=(found.st_atime_ns, found.st_mtime_ns))


def _keep_extended(old: Path, new: Path) -> None:
    if not hasattr(os, "listxattr"):  # Linux alone
        return
    with contextlib.suppress(OSError):
        for name in os.listxattr(old):
            value = os.getxattr(old, name)
            if len(value) <= _MOST:
                with contextlib.suppress(OSError):
                    os.setxattr(new, name, value)
