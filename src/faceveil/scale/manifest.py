"""What is done: a row for each part, written after all that the part wrote.

Below ``_faceveil`` in the output: ``job.json`` (input and settings), ``begun`` (what was there
before a part was begun), ``parts`` (the manifest: a part is done if and only if its row is there)
and ``failed`` (the dead-letter table).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from faceveil.errors import OptionError
from faceveil.files.reports import LABELS
from faceveil.scale.parts import Outcome, Part
from faceveil.scale.storage import Store

FOLDER = "_faceveil"
_JOB = f"{FOLDER}/job.json"
_SUMS = ("faces", "bytes_in", "bytes_out", "seconds", "cpu_seconds")
_log = logging.getLogger(__name__)

DEATHS = 2
"""How often a worker dies on a record before that record is given up. One death may be chance: a
machine that was taken away."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """What is known when work on a part begins.

    Attributes:
        there: its outputs that were there before it was first begun, and so are not its own.
        times: how often it was begun before.
        deadly: records that workers died on.
    """

    there: frozenset[str]
    times: int
    deadly: frozenset[str]


class Manifest:
    """The record of a job in its output folder.

    Args:
        output: where results go.
    """

    def __init__(self, output: Store) -> None:
        self.output = output

    def open_job(self, settings: dict[str, Any]) -> None:
        """Write down what the job is, or see that it is the one that is there.

        Args:
            settings: all that decides the results, as JSON values.

        Raises:
            OptionError: if the output holds results of other settings, or of a job that cannot be
                read.
        """
        if not self.output.existing([_JOB]):
            self.output.write(_JOB, json.dumps(settings, indent=1).encode() + b"\n")
            return
        before = _parsed(self.output.read(_JOB))
        if before is None:
            raise OptionError(
                f"--output {self.output.name}: holds a job, but {_JOB} is torn or no JSON object; "
                "choose another --output, or --existing overwrite to do it anew"
            )
        for key in sorted(before.keys() | settings.keys()):
            if before.get(key) != settings.get(key):
                raise OptionError(
                    f"--output {self.output.name}: holds a job with {key} "
                    f"{before.get(key)!r}, this one has {settings.get(key)!r}; choose another "
                    "--output, or --existing overwrite to do it anew"
                )

    def clear(self) -> None:
        """Forget what was done, so that all is done again."""
        for name, _ in self.output.files(FOLDER):
            self.output.delete(name)

    def done(self) -> dict[str, dict[str, Any]]:
        """Rows of the parts that are done, by id; torn ones are said, and their parts are not."""
        names = [name for name, _ in self.output.files(f"{FOLDER}/parts")]
        rows = (self._read_row(name) for name in names if name.endswith(".json"))
        return {row["id"]: row for row in rows if row is not None}

    def row(self, part: Part) -> dict[str, Any] | None:
        """The row of a part, if it is done."""
        name = _row(part.id)
        return self._read_row(name) if self.output.existing([name]) else None

    def _read_row(self, name: str) -> dict[str, Any] | None:
        row = _parsed(self.output.read(name))
        if row is not None and _is_row(row) and name == _row(row["id"]):
            return row
        _log.warning("%s: %s: torn or no row; its part is done again", self.output.name, name)
        return None

    def undo(self, ids: Sequence[str]) -> None:
        """Count parts as not done."""
        for identity in ids:
            self.output.delete(_row(identity))

    def begin(self, part: Part) -> Beginning:
        """Note that work on a part begins."""
        name, mark = _begun(part.id), _mark(part.id)
        note = _parsed(self.output.read(name)) if self.output.existing([name]) else None
        if note is None or not _is_note(note):  # of a torn one nothing is known: nothing is its own
            note = {"there": self.output.existing(part.outputs), "times": 0, "suspects": []}
        if self.output.existing([mark]):
            note["suspects"].append(self.output.read(mark).decode(errors="replace"))
            self.output.delete(mark)
        note["times"] += 1
        self.output.write(name, json.dumps(note).encode())
        suspects = note["suspects"]
        deadly = frozenset(s for s in suspects if suspects.count(s) >= DEATHS)
        return Beginning(frozenset(note["there"]), note["times"] - 1, deadly)

    def mark(self, part: Part, record: str) -> None:
        """Note which record is being done, in a part whose worker died before."""
        self.output.write(_mark(part.id), record.encode())

    def commit(self, row: dict[str, Any], failures: Sequence[Outcome]) -> None:
        """Count a part as done, its failures first."""
        name = f"{FOLDER}/failed/{row['id']}.parquet"
        if failures:
            write_table(self.output, name, failure_table(failures))
        else:
            self.output.delete(name)
        self.output.write(_row(row["id"]), json.dumps(row).encode() + b"\n")
        self.output.delete(_mark(row["id"]))


def failure_table(failures: Sequence[Outcome]) -> Any:
    """Rows of the dead-letter table: ``record``, ``stage``, ``error``."""
    import pyarrow as pa

    columns = {
        "record": [o.record for o in failures],
        "stage": [o.stage for o in failures],
        "error": [o.result.message for o in failures],
    }
    return pa.table(columns, schema=pa.schema([(name, pa.string()) for name in columns]))


def write_table(store: Store, name: str, table: Any) -> None:
    """Write a table as Parquet, whole or not at all."""
    import pyarrow.parquet as pq

    with store.publish(name) as sink:
        pq.write_table(table, sink)


def _parsed(data: bytes) -> dict[str, Any] | None:
    """A JSON object; None where it is none."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _is_row(row: dict[str, Any]) -> bool:
    """Whether it has what rows are added up by."""
    found = row.get("counts")
    counted = found if isinstance(found, dict) else {}
    numbers = [*map(counted.get, LABELS), *map(row.get, _SUMS)]
    return isinstance(row.get("id"), str) and all(type(n) in (int, float) for n in numbers)


def _is_note(note: dict[str, Any]) -> bool:
    lists = [note.get("there"), note.get("suspects")]
    texts = all(isinstance(x, list) and all(isinstance(t, str) for t in x) for x in lists)
    return texts and type(note.get("times")) is int


def _row(identity: str) -> str:
    return f"{FOLDER}/parts/{identity}.json"


def _begun(identity: str) -> str:
    return f"{FOLDER}/begun/{identity}.json"


def _mark(identity: str) -> str:
    return f"{FOLDER}/begun/{identity}.at"
