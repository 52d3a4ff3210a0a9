"""Answers of judges kept on disk by the content of the crop, so that nothing is asked twice."""

from __future__ import annotations

import hashlib
import logging
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from faceveil.judges.base import GenderJudge, Matcher
from faceveil.types import Float32Array, Uint8Array

CHUNK = 128  # crops asked at once; what is lost at most when a run is killed
_log = logging.getLogger(__name__)


class Answers:
    """A file of answers, shared by judges and by processes.

    Args:
        path: an SQLite file; a damaged one is set aside with the suffix ``.damaged``.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._open(path)
        except sqlite3.DatabaseError as error:
            aside = path.with_name(f"{path.name}.damaged")
            _log.warning("%s: damaged (%s); set aside as %s", path, error, aside.name)
            path.replace(aside)
            self._open(path)

    def _open(self, path: Path) -> None:
        self._file = sqlite3.connect(path, timeout=60, isolation_level=None)
        self._file.execute("PRAGMA journal_mode=WAL")
        self._file.execute(
            "CREATE TABLE IF NOT EXISTS answers "
            "(judge TEXT, crop BLOB, value BLOB, PRIMARY KEY (judge, crop)) WITHOUT ROWID"
        )

    def get(self, judge: str, keys: Sequence[bytes]) -> list[Float32Array | None]:
        """The answers for crops by their keys; None where there is none."""
        query = "SELECT value FROM answers WHERE judge = ? AND crop = ?"
        found = (self._file.execute(query, (judge, key)).fetchone() for key in keys)
        return [None if f is None else np.frombuffer(f[0], np.float32) for f in found]

    def put(self, judge: str, keys: Sequence[bytes], values: Float32Array) -> None:
        """Keep answers, all of them or none; those that are not finite are not kept."""
        rows = [
            (judge, key, np.ascontiguousarray(value, np.float32).tobytes())
            for key, value in zip(keys, values, strict=True)
            if np.isfinite(value).all()
        ]
        self._file.execute("BEGIN IMMEDIATE")
        self._file.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", rows)
        self._file.execute("COMMIT")

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
        """
        if not len(crops):
            return ask(crops)
        parts = []
        for start in range(0, len(crops), CHUNK):
            part = crops[start : start + CHUNK]
            keys = [hashlib.sha256(np.ascontiguousarray(c).tobytes()).digest() for c in part]
            values = self.get(judge, keys)
            missing = [i for i, v in enumerate(values) if v is None]
            if missing:
                fresh = np.asarray(ask(part[missing]), np.float32).reshape(len(missing), -1)
                self.put(judge, [keys[i] for i in missing], fresh)
                for i, value in zip(missing, fresh, strict=True):
                    values[i] = value
            parts += [np.atleast_1d(v) for v in values if v is not None]
        return np.stack(parts)


class CachedGenderJudge:
    """A gender judge whose answers are kept.

    Args:
        judge: the judge.
        answers: where they are kept.
        version: digest of its weights, or any text that changes with them.
    """

    def __init__(self, judge: GenderJudge, answers: Answers, version: str = "") -> None:
        self.info, self._judge, self._answers = judge.info, judge, answers
        self._name = f"{judge.info.name} {version}"

    def p_male(self, crops: Uint8Array) -> Float32Array:
        """P(male); see :class:`faceveil.judges.base.GenderJudge`."""
        return self._answers.asked(self._name, crops, self._judge.p_male).reshape(len(crops))


class CachedMatcher:
    """A matcher whose embeddings are kept; arguments as for :class:`CachedGenderJudge`."""

    def __init__(self, matcher: Matcher, answers: Answers, version: str = "") -> None:
        self.info, self._matcher, self._answers = matcher.info, matcher, answers
        self._name = f"{matcher.info.name} {version}"

    def embed(self, crops: Uint8Array) -> Float32Array:
        """Unit embeddings; see :class:`faceveil.judges.base.Matcher`."""
        return self._answers.asked(self._name, crops, self._matcher.embed)
