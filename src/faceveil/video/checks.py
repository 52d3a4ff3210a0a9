"""What is looked at before a clip is read, so that a damaged one is refused at once."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from faceveil.errors import ClipError

KNOWN = "expected a clip such as MP4, MOV, MKV, WebM or AVI"


def check_index(path: Path, kind: str, streams: Iterable[Any]) -> None:
    """Where the header lists where all frames lie, they must lie within the file.

    Args:
        path: the file.
        kind: FFmpeg's name of its container.
        streams: PyAV's streams whose frames count.

    Raises:
        ClipError: if the file ends too early.
    """
    if not kind.startswith("mov"):
        return
    size = path.stat().st_size
    for stream in streams:
        entries = stream.index_entries
        if len(entries) and max(e.pos + e.size for e in entries) > size:
            raise ClipError("cut off: the file ends before its last frame; get a whole copy")


def check_file(path: Path) -> None:
    """A file that is there, may be read, and holds something.

    Raises:
        ClipError: if it is not.
    """
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            raise ClipError(f"a pipe or device, which may have no end; {KNOWN}; save it first")
        with path.open("rb") as file:
            if not file.read(1):
                raise ClipError(f"empty, 0 bytes; {KNOWN}")
    except FileNotFoundError as error:
        raise ClipError(f"no such file; {KNOWN}") from error
    except IsADirectoryError as error:
        raise ClipError("a folder; expected a file") from error
    except PermissionError as error:
        raise ClipError("no permission to read it; change its permissions") from error
    except OSError as error:
        raise ClipError(f"cannot be read: {os.strerror(error.errno or 0)}") from error
