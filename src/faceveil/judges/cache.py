"""Answers of judges kept on disk by the content of the crop, so that nothing is asked twice."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from faceveil.errors import ModelError, OptionError
from faceveil.judges.base import GenderJudge, Matcher
from faceveil.judges.python_object import CropError
from faceveil.types import Float32Array, Uint8Array

CHUNK = 128  # crops asked at once; what is lost at most when a run is killed
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_WAIT = 60.0  # seconds for other processes to finish
_log = logging.getLogger(__name__)


class Answers:
    """A file of answers, shared by judges and by processes. Its troubles never stop a run.

    Embeddings are biometric templates, so the file is for its owner alone, and so is the folder
    where it has to be made.

    Args:
        path: an SQLite file; a damaged one is set aside with the suffix ``.damaged``.

    Raises:
        OptionError: if there is none and none can be made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._open()
        except (sqlite3.DatabaseError, OSError) as error:
            if not _damaged(error):
                raise OptionError(
                    f"{path}: cannot be opened ({error}); expected a file for answers in a folder "
                    "that can be written"
                ) from error
            self._set_aside(error)

    def _open(self) -> None:
        patience = time.monotonic() + _WAIT
        while True:
            try:
                self._connect()
                return
            except sqlite3.OperationalError as error:
                # Two processes that make the file at the same time: SQLite waits for locks of its
                # tables, but not for the one that changing the kind of log takes.
                if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > patience:
                    raise
                time.sleep(0.05)

    def _connect(self) -> None:
        _keep_private(self._path)
        self._file = sqlite3.connect(self._path, timeout=_WAIT, isolation_level=None)
        self._file.execute("PRAGMA journal_mode=WAL")
        self._file.execute(
            "CREATE TABLE IF NOT EXISTS answers "
            "(judge TEXT, crop BLOB, value BLOB, PRIMARY KEY (judge, crop)) WITHOUT ROWID"
        )
        self._inode = self._path.stat().st_ino

    def _set_aside(self, error: Exception) -> None:
        self._file.close()
        mine = getattr(self, "_inode", None)
        if mine is None or (self._path.exists() and self._path.stat().st_ino == mine):
            aside = self._path.with_name(f"{self._path.name}.damaged")
            _log.warning("%s: damaged (%s); set aside as %s", self._path, error, aside.name)
            # With its log, which may hold the newest answers, for whoever wants to rescue them.
            for end in ("", "-wal", "-shm"):
                part = self._path.with_name(self._path.name + end)
                if part.exists():
                    part.replace(aside.with_name(aside.name + end))
        self._open()  # of another process where that one has set it aside already

    def _trouble(self, error: sqlite3.Error) -> None:
        if _damaged(error):
            self._set_aside(error)
        else:
            _log.warning("%s: %s; going on without kept answers", self._path, error)

    def get(self, judge: str, keys: Sequence[bytes]) -> list[Float32Array | None]:
        """The answers for crops by their keys; None where there is none."""
        query = "SELECT value FROM answers WHERE judge = ? AND crop = ?"
        try:
            rows = [self._file.execute(query, (judge, key)).fetchone() for key in keys]
        except sqlite3.Error as error:
            self._trouble(error)
            return [None] * len(keys)
        return [None if row is None else _answer(row[0]) for row in rows]

    def put(self, judge: str, keys: Sequence[bytes], values: Float32Array) -> None:
        """Keep answers, all of them or none; those that are not finite are not kept."""
        rows = [
            (judge, key, np.ascontiguousarray(value, np.float32).tobytes())
            for key, value in zip(keys, values, strict=True)
            if np.isfinite(value).all()
        ]
        try:
            self._file.execute("BEGIN IMMEDIATE")
            self._file.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", rows)
            self._file.execute("COMMIT")
        except sqlite3.Error as error:
            if self._file.in_transaction:
                self._file.execute("ROLLBACK")
            self._trouble(error)

    def asked(
        self, judge: str, crops: Uint8Array, ask: Callable[[Uint8Array], Float32Array]
    ) -> Float32Array:
        """Answers for crops; the judge is asked for those that are not kept yet.

        Args:
            judge: its name and version; other weights must have another.
            crops: (N, 224, 224, 3) uint8.
            ask: the judge: (M, 224, 224, 3) -> (M,) or (M, D) float32.

        Returns:
            (N,) or (N, D) float32.

        Raises:
            ModelError: if the judge fails, with the crop's place among ``crops`` where the judge
                can tell; or if it gives other numbers of numbers than before.
        """
        if not len(crops):
            return ask(crops)
        starts = range(0, len(crops), CHUNK)
        rows = [r for s in starts for r in self._chunk(judge, crops[s : s + CHUNK], s, ask)]
        widths = sorted({row.size for row in rows})
        if len(widths) > 1:
            raise ModelError(
                f"{judge}: answers of {' and '.join(map(str, widths))} numbers, some of them kept; "
                f"expected all alike; other weights need another version; or delete {self._path}"
            )
        return np.stack(rows)

    def _chunk(
        self,
        judge: str,
        part: Uint8Array,
        start: int,
        ask: Callable[[Uint8Array], Float32Array],
    ) -> list[Float32Array]:
        keys = [hashlib.sha256(np.ascontiguousarray(c).tobytes()).digest() for c in part]
        known = {k: v for k, v in zip(keys, self.get(judge, keys), strict=True) if v is not None}
        places = [i for i, k in enumerate(keys) if k not in known and k not in keys[:i]]
        if places:
            where = [start + i for i in places]
            try:
                fresh = np.asarray(ask(part[places]), np.float32)
            except CropError as error:
                raise error.moved(where) from error.__cause__
            except ModelError as error:
                raise CropError(judge, where, str(error)) from error
            except Exception as error:
                error.add_note(f"{judge} was asked for crops {where[0]} to {where[-1]}")
                raise
            if fresh.shape[:1] != (len(places),) or fresh.size == 0:
                expected = f"({len(places)},) or ({len(places)}, D)"
                raise CropError(judge, where, f"returned {fresh.shape}; expected {expected}")
            fresh = fresh.reshape(len(places), -1)
            self.put(judge, [keys[i] for i in places], fresh)
            known |= {keys[i]: row for i, row in zip(places, fresh, strict=True)}
        return [known[k] for k in keys]


class CachedGenderJudge:
    """A gender judge whose answers are kept.

    Args:
        judge: the judge.
        answers: where they are kept.
        version: digest of its weights, or any text that changes with them; its :func:`identity`
            where None, and its name alone where it has none.
    """

    def __init__(self, judge: GenderJudge, answers: Answers, version: str | None = None) -> None:
        self.info, self._judge, self._answers = judge.info, judge, answers
        self._name = f"{judge.info.name} {identity(judge) or '' if version is None else version}"

    def p_male(self, crops: Uint8Array) -> Float32Array:
        """P(male); see :class:`faceveil.judges.base.GenderJudge`."""
        return self._answers.asked(self._name, crops, self._judge.p_male).reshape(len(crops))


class CachedMatcher:
    """A matcher whose embeddings are kept; arguments as for :class:`CachedGenderJudge`."""

    def __init__(self, matcher: Matcher, answers: Answers, version: str | None = None) -> None:
        self.info, self._matcher, self._answers = matcher.info, matcher, answers
        self._name = (
            f"{matcher.info.name} {identity(matcher) or '' if version is None else version}"
        )

    def embed(self, crops: Uint8Array) -> Float32Array:
        """Unit embeddings; see :class:`faceveil.judges.base.Matcher`."""
        return self._answers.asked(self._name, crops, self._matcher.embed)


def identity(judge: GenderJudge | Matcher) -> str | None:
    """What a judge's answers depend on, as text; None where it is unknown, as for user's code.

    It is the digest of an ONNX model with what its card says of input, crop and output, or the
    ``version`` that an adapter states.
    """
    card = getattr(judge, "card", None)
    if card is None:
        return getattr(judge, "version", None) or None
    if card.sha256 is None:
        return None
    parts = (card.sha256, card.task, card.input, card.crop, card.output)
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def digest(*paths: Path) -> str:
    """SHA-256 over the contents of files, in the order given."""
    whole = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()


def _answer(value: object) -> Float32Array | None:
    """A kept answer; None where it is none, and the judge is to be asked again."""
    if not isinstance(value, bytes) or not value or len(value) % 4:
        return None
    numbers = np.frombuffer(value, np.float32)
    return numbers if np.isfinite(numbers).all() else None


def _keep_private(path: Path) -> None:
    """Make the file, if there is none, for its owner alone; take others' rights to it away."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        return
    with contextlib.suppress(OSError):  # somebody else's: theirs to decide
        if path.is_file() and path.stat().st_mode & 0o077:
            path.chmod(0o600)


def _damaged(error: Exception) -> bool:
    return _code(error) in _DAMAGE  # a locked file or a full disk is no damage


def _code(error: Exception) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF  # the low byte is the primary code
