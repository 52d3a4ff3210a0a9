"""What earlier runs wrote into an output folder, and by which settings: a line of JSON a file.

A folder of results may be passed on, this record in it. So settings are in it as a digest only,
keyed where they hold a secret or somebody's gender, and of the photo's place and time of change 32
bits, which tell two photos apart but fit too many guesses to confirm one.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

from faceveil.errors import OutputError
from faceveil.files.paths import shown

FILE = ".faceveil-runs.jsonl"

Before = Literal["nothing", "same", "other", "unknown"]
"""What is under an output's name: nothing that is to stay; this run's own result; one of the same
photo by other settings or weights, or from before the photo changed; something else."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file that a run wrote: its name below the folder, what decided it, and how it is known."""

    name: str
    settings: str
    path: str
    photo: str
    size: int
    mtime: int
    sha256: str


class Runs:
    """The record of an output folder; threads and processes may add to it at the same time.

    A line is added just before a file takes its name, and counts only where the file under that
    name is the one it tells of: so a run that is killed at any moment leaves no false record.

    Args:
        folder: where results go.
        settings: all that decides what becomes of each photo, as JSON values.
        secret: keys the digest of the settings; empty where they hold no secret.

    Raises:
        OutputError: if there is a record that cannot be read.
    """

    def __init__(self, folder: Path, settings: Mapping[str, object], secret: bytes = b"") -> None:
        self._folder = folder
        self._settings = json.dumps(settings, sort_keys=True)
        self._secret = secret
        self._lock = threading.Lock()
        self._fresh = True
        self._entries: dict[str, list[_Entry]] = {}
        for entry in _read(folder / FILE):
            self._entries.setdefault(entry.name, []).append(entry)

    def before(self, target: Path, source: Path, own: str, *, copies: bool) -> Before:
        """What the file under an output's name is.

        Args:
            target: the output, which is there.
            source: the photo.
            own: settings of this photo alone.
            copies: whether this run would copy a photo without a face.
        """
        entry = self._entry_of(target)
        path, photo = _marks(source)
        if entry is None or (entry.path != path and entry.photo != photo):
            return "unknown"
        fitting = [self._digest(own, copied=False)]
        fitting += [self._digest(own, copied=True)] if copies else []
        return "same" if entry.photo == photo and entry.settings in fitting else "other"

    def note(self, target: Path, source: Path, temporary: Path, own: str, *, copied: bool) -> None:
        """Add a file that is about to take its name.

        Args:
            target: its final name.
            source: the photo.
            temporary: the finished file.
            own: settings of this photo alone.
            copied: whether nobody was found, so that it is a copy.

        Raises:
            OSError: if it cannot be written down.
        """
        found = temporary.stat()
        entry = _Entry(
            os.path.relpath(target, self._folder),
            self._digest(own, copied=copied),
            *_marks(source),
            found.st_size,
            found.st_mtime_ns,
            _sha256(temporary),
        )
        line = json.dumps(asdict(entry)).encode() + b"\n"
        with self._lock:
            self._folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._folder / FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
            try:
                # A line that a full disk or a kill has torn ends here.
                torn = self._fresh and os.fstat(handle).st_size > 0
                os.write(handle, b"\n" + line if torn else line)  # one call: lines do not mix
                self._fresh = False
            finally:
                os.close(handle)

    def _digest(self, own: str, *, copied: bool) -> str:
        text = json.dumps([self._settings, own, copied])
        return hmac.new(self._secret, text.encode(), "sha256").hexdigest()[:32]

    def _entry_of(self, target: Path) -> _Entry | None:
        """The entry that tells of the very file that is there, the newest first."""
        entries = self._entries.get(os.path.relpath(target, self._folder), [])[::-1]
        try:
            found = target.stat()
            for entry in entries:
                if (entry.size, entry.mtime) == (found.st_size, found.st_mtime_ns):
                    return entry
            # A folder that was copied has other times.
            entries = [entry for entry in entries if entry.size == found.st_size]
            own = _sha256(target) if entries else ""
        except OSError:
            return None
        return next((entry for entry in entries if entry.sha256 == own), None)


def _read(path: Path) -> list[_Entry]:
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise OutputError(f"{shown(path)}: cannot be read ({why}); check or delete it") from error
    return [entry for line in lines if (entry := _parsed(line)) is not None]


def _parsed(line: bytes) -> _Entry | None:
    """An entry; None where the line is torn or none."""
    try:
        values = json.loads(line)
        entry = _Entry(**values)
    except (ValueError, TypeError, RecursionError):
        return None
    numbers = ("size", "mtime")
    right = (
        type(getattr(entry, f.name)) is (int if f.name in numbers else str) for f in fields(entry)
    )
    return entry if all(right) else None


def _marks(source: Path) -> tuple[str, str]:
    """What a photo is known by: where it is, and how large and how old."""
    try:
        found = os.stat(source)
        photo = f"{found.st_size} {found.st_mtime_ns}"
    except OSError:
        photo = ""
    return _short(os.path.realpath(source)), _short(photo)


def _short(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:8]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
