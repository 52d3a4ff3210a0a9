"""Parquet with one image to a row, as Hugging Face writes it: a few row groups are a part."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from functools import partial
from typing import Any

from faceveil.errors import PhotoError
from faceveil.scale.columns import image_column, unvouched
from faceveil.scale.faces import FACES, STATUS, face_rows, face_type
from faceveil.scale.parts import Outcome, Part, Protect, failed, part_id
from faceveil.scale.storage import Store

ROWS = 16
"""Rows in memory at the same time, besides the pages that they are of."""

_AHEAD = 8 << 20
"""Bytes of each column that are read ahead. Without it pyarrow reads columns of a whole row group:
432 MB for one of 400 MB, and 58 MB so."""


MOST_EXPANDED = 64 << 20
"""Bytes of a row group's column that any compression may make of little."""

MOST_RATIO = 200
"""Above that, how much larger than in the file a column may be: photos are packed already."""

_HELD = 256 << 20
"""Bytes that the rows in memory may come to where all of them are as large as one can be."""


def plan(
    source: Store, names: list[str], size: int, column: str | None, copied: tuple[str, ...] = ()
) -> list[Part]:
    """Row groups of each file, as few to a part as hold ``size`` rows.

    A file of one part keeps its name; of several, they are numbered ``-00000-of-00003``.

    Raises:
        OptionError: if a file has no such column of images.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    parts = []
    for name in names:
        facts = (name, source.size(name))
        try:
            with source.open(name) as file:
                opened = pq.ParquetFile(file)
                _check_bounds(opened.metadata)
                groups = _groups(opened.metadata, size)
                image_column(opened.schema_arrow, column, name, copied)
        except (pa.ArrowException, OSError, PhotoError, UnicodeError) as error:
            why = f"not a readable Parquet file: {' '.join(str(error).split())}"
            identity = part_id("parquet", *facts)
            parts.append(Part(identity, "parquet", (name,), problems=((name, why),), output=name))
            continue
        stem, suffix = posixpath.splitext(name)
        for number, (first, end) in enumerate(groups):
            several = f"{stem}-{number:05d}-of-{len(groups):05d}{suffix}"
            output = name if len(groups) == 1 else several
            identity = part_id("parquet", *facts, first, end)
            parts.append(Part(identity, "parquet", (name,), (first, end), output))
    return parts


def run(
    part: Part,
    source: Store,
    output: Store,
    protect: Protect,
    column: str | None,
    faces: bool,
    copied: tuple[str, ...] = (),
) -> Iterator[Outcome]:
    """Protect the rows of a part and write those that are done as one file.

    Rows that failed or show nobody are left out; other columns are copied, unless what is in them
    may be a picture: such a row has failed.

    Args:
        part: of :func:`plan`.
        source: where the file is.
        output: where the result goes.
        protect: protects one image.
        column: the column of images; None finds it.
        faces: add what was found and done to each face as columns.
        copied: columns that the user vouches for.
    """
    import pyarrow.parquet as pq

    (name,) = part.names
    if part.problems:
        yield failed(name, part.problems[0][1], "plan")
        return
    with source.open(name) as opened:
        file = pq.ParquetFile(opened, buffer_size=_AHEAD, pre_buffer=False)
        column = image_column(file.schema_arrow, column, name, copied)
        schema = _schema(file.schema_arrow, faces)
        row = sum(file.metadata.row_group(i).num_rows for i in range(part.groups[0]))
        with (
            output.publish(part.output) as sink,
            pq.ParquetWriter(sink, schema, compression=_compression(file.metadata)) as writer,
        ):
            try:
                for table in _tables(file, part.groups):
                    rows = table.to_pylist()
                    values = [r[column] for r in rows]
                    done = [
                        _protected(f"{name}#{row + i}", r, column, copied, protect)
                        for i, r in enumerate(rows)
                    ]
                    row += len(values)
                    kept = [i for i, outcome in enumerate(done) if outcome.data is not None]
                    if kept:
                        writer.write_table(_filled(table, column, values, done, kept, schema))
                    yield from done
            except PhotoError as error:  # what was read before it is kept
                yield failed(f"{name}#{row}", f"this row and the rest of its part: {error}", "read")


def _protected(
    record: str, row: dict[str, Any], column: str, copied: tuple[str, ...], protect: Protect
) -> Outcome:
    """What becomes of a row; nothing of it is written where another column may show the face."""
    found = unvouched(row, column, copied)
    if found:
        why = f"column {found} may hold a picture; leave it out, or --copy-column {found}"
        return failed(record, why, "read")
    return protect(record, partial(_bytes, row[column]))


def _check_bounds(metadata: Any) -> None:
    """Refuse a file that expands beyond all measure.

    Raises:
        PhotoError: naming the column.
    """
    for g in range(metadata.num_row_groups):
        group = metadata.row_group(g)
        for c in range(group.num_columns):
            chunk = group.column(c)
            whole, packed = chunk.total_uncompressed_size, max(chunk.total_compressed_size, 1)
            if whole > MOST_EXPANDED and whole > MOST_RATIO * packed:
                raise PhotoError(
                    f"column {chunk.path_in_schema} expands {packed:,} bytes to {whole:,}; "
                    f"expected at most {MOST_RATIO} times as many"
                )


def _rows_at_once(metadata: Any, groups: tuple[int, int]) -> int:
    """Fewer rows where a value may be large: one that many rows share is there for each of them."""
    sizes = [metadata.row_group(g) for g in range(*groups)]
    largest = max(
        (g.column(c).total_uncompressed_size for g in sizes for c in range(g.num_columns)),
        default=0,
    )
    return max(1, min(ROWS, _HELD // max(largest, 1)))


def _tables(file: Any, groups: tuple[int, int]) -> Iterator[Any]:
    """Tables of a few rows.

    Raises:
        PhotoError: where the file cannot be read further.
    """
    import pyarrow as pa

    try:
        count = _rows_at_once(file.metadata, groups)
        for batch in file.iter_batches(count, row_groups=list(range(*groups)), use_threads=False):
            yield pa.Table.from_batches([batch])
    except (pa.ArrowException, OSError) as error:
        raise PhotoError(f"damaged: {' '.join(str(error).split())}; get a whole copy") from error


def _groups(metadata: Any, size: int) -> list[tuple[int, int]]:
    groups, first, rows = [], 0, 0
    for i in range(metadata.num_row_groups):
        rows += metadata.row_group(i).num_rows
        if rows >= size or i + 1 == metadata.num_row_groups:
            groups.append((first, i + 1))
            first, rows = i + 1, 0
    return groups or [(0, 0)]


def _bytes(value: Any) -> bytes:
    data = value.get("bytes") if isinstance(value, dict) else value
    if data is None:
        raise PhotoError("no bytes in this row; expected an encoded photo, not the path of one")
    return bytes(data)


def _schema(schema: Any, faces: bool) -> Any:
    import pyarrow as pa

    if not faces:
        return schema
    # Hugging Face's list of columns in the metadata would no longer be right.
    schema = schema.remove_metadata()
    return schema.append(pa.field(STATUS, pa.string())).append(pa.field(FACES, face_type()))


def _filled(
    table: Any, column: str, values: list[Any], done: list[Outcome], kept: list[int], schema: Any
) -> Any:
    """The rows that are kept, with their protected images and the added columns."""
    import pyarrow as pa

    kind = table.schema.field(column).type
    new = [
        {**values[i], "bytes": done[i].data} if isinstance(values[i], dict) else done[i].data
        for i in kept
    ]
    table = table.take(kept)
    at = table.schema.get_field_index(column)
    table = table.set_column(at, table.schema.field(column), pa.array(new, kind))
    if FACES in schema.names:
        results = [done[i].result for i in kept]
        table = table.append_column(STATUS, pa.array([r.status for r in results], pa.string()))
        rows = [face_rows(r.faces) for r in results]
        table = table.append_column(FACES, pa.array(rows, face_type()))
    return table.cast(schema)


def _compression(metadata: Any) -> str:
    if metadata.num_row_groups == 0 or metadata.num_columns == 0:
        return "none"
    name = str(metadata.row_group(0).column(0).compression).lower()
    return "none" if name == "uncompressed" else name
