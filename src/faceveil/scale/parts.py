"""What is to be done, cut into parts whose names depend on the input alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from faceveil.files.batch import FileResult, Status

Layout: TypeAlias = Literal["folder", "parquet", "webdataset"]
Stage: TypeAlias = Literal["plan", "read", "protect", "write", "crash"]


@dataclass(frozen=True, slots=True)
class Part:
    """A share of the input that is done, and counted as done, as one.

    Attributes:
        id: 20 hexadecimal digits, the same for the same input.
        layout: what kind of input it is of.
        names: its files, relative to the input: several photos, or one shard.
        groups: of a Parquet file, the first row group and the one after the last.
        output: of a shard, the name of what is written.
        problems: files that cannot be done, with the reason, known before they are opened.
    """

    id: str
    layout: Layout
    names: tuple[str, ...]
    groups: tuple[int, int] = (0, 0)
    output: str = ""
    problems: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> str:
        """As text, for the way to a worker."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Part:
        """The part of that text."""
        values = json.loads(text)
        values["problems"] = tuple((name, why) for name, why in values["problems"])
        first, end = values.pop("groups")
        return cls(names=tuple(values.pop("names")), groups=(first, end), **values)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of all files that it may write."""
        return (self.output,) if self.output else self.names


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one record.

    Attributes:
        record: its name: a file, ``file.parquet#row``, or ``shard.tar#key``.
        result: status, message and faces.
        stage: where it failed, if it did.
        data: the protected photo as bytes; None where nothing is to be written.
    """

    record: str
    result: FileResult
    stage: Stage = "protect"
    data: bytes | None = None

    @property
    def status(self) -> Status:
        """``protected``, ``no_face``, ``skipped`` or ``failed``."""
        return self.result.status


Protect: TypeAlias = Callable[[str, Callable[[], bytes]], Outcome]
"""Protects the record of that name, whose bytes the function gives; never raises."""


def part_id(layout: Layout, *facts: object) -> str:
    """The name of a part from what it consists of."""
    text = "\n".join([layout, *map(str, facts)])
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:20]


def failed(record: str, why: str, stage: Stage) -> Outcome:
    """The outcome of a record that could not be done."""
    path = Path(record)
    return Outcome(record, FileResult(path, path, "failed", why), stage)
