"""Shards of a data set that is being prepared, and packs from shards."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2

from faceveil.data.align import align
from faceveil.data.records import Record
from faceveil.errors import OptionError, OutputError, PhotoError
from faceveil.imaging.detect import Detector
from faceveil.imaging.encode import TEMPORARY

QUALITY = 90  # WebP
COLUMNS = ("image", "gender", "identity", "source", "race", "age")


def write_shard(
    group: Sequence[Record], path: Path, detector: Detector, size: int, jobs: int, bar: Any
) -> None:
    """Align a group of photos side by side and write them as one shard, whole or not at all.

    Args:
        group: the photos.
        path: the Parquet file; photos left out are rows with a reason in ``skipped``.
        detector: finds the face where a record has no landmarks.
        size: side of the crops in pixels.
        jobs: photos at the same time.
        bar: a progress bar.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = []
    with ThreadPoolExecutor(jobs) as pool:
        try:
            for row in pool.map(lambda r: _row(r, detector, size), group):
                rows.append(row)
                bar.update()
        except BaseException:  # do not work off the queue first
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    kinds = {"image": pa.binary(), "age": pa.int64()}
    columns = (*COLUMNS, "skipped")
    data = {c: pa.array([r[c] for r in rows], kinds.get(c, pa.string())) for c in columns}
    with _whole(path) as temporary:
        pq.write_table(pa.table(data), temporary, compression="none")


def _row(record: Record, detector: Detector, size: int) -> dict[str, Any]:
    """One row of a shard; ``skipped`` says why there is no image."""
    data, why, r = b"", "", record
    try:
        face = align(r, detector, size)
        options = [cv2.IMWRITE_WEBP_QUALITY, QUALITY]
        data = cv2.imencode(".webp", face[..., ::-1], options)[1].tobytes()
    except (PhotoError, OptionError) as error:
        why = str(error)
    values = (data, r.gender, r.identity, r.source, r.race, r.age, why)
    return dict(zip((*COLUMNS, "skipped"), values, strict=True))


def labels(shards: Sequence[Path]) -> list[dict[str, Any]]:
    """All columns of some shards but the images."""
    import pyarrow.parquet as pq

    columns = [*COLUMNS[1:], "skipped"]
    return [row for p in shards for row in pq.read_table(p, columns=columns).to_pylist()]


def join(shards: Sequence[Path], pack: Path, columns: list[str]) -> None:
    """One pack from its shards, a shard at a time: a whole data set need not fit into memory."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    with _whole(pack) as temporary, contextlib.ExitStack() as stack:
        writer = None
        for path in shards:
            table = pq.read_table(path)
            table = table.filter(pc.equal(table["skipped"], "")).select(columns)
            if "identity" in columns:
                known = pc.not_equal(table["identity"], "")
                names = pc.if_else(known, table["identity"], table["source"])
                table = table.set_column(columns.index("identity"), "identity", names)
            if writer is None:  # WebP does not shrink any further
                new = pq.ParquetWriter(temporary, table.schema, compression="none")
                writer = stack.enter_context(new)
            if len(table):
                writer.write_table(table)


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A temporary file that takes the name ``path`` once it is written and on the disk."""
    token = f"{os.getpid()}-{secrets.token_hex(4)}"
    temporary = path.with_name(f".{path.name}.{token}{TEMPORARY}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error).splitlines()[0]
        raise OutputError(
            f"{path}: cannot write it ({reason}); free some space or choose another --output"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
