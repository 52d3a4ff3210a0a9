"""What kind of input it is, and its parts."""

from __future__ import annotations

import posixpath
from dataclasses import replace

from faceveil.errors import OptionError
from faceveil.imaging.formats import READ
from faceveil.scale import folder, parquet, webdataset
from faceveil.scale.address import parent
from faceveil.scale.parts import Layout, Part
from faceveil.scale.storage import Store, open_store

_SHARDS: dict[str, Layout] = {".parquet": "parquet", ".tar": "webdataset"}

PART_SIZE = 256
"""Photos or rows to a part: some seconds of work, which is what a killed worker loses."""


def open_pair(source: str, output: str) -> tuple[Store, Store, str]:
    """The input and the output folder, and the input's file name where it is a single shard.

    Raises:
        OptionError: if the input is absent, or the two are the same.
    """
    found, target = open_store(source), open_store(output)
    kind = found.kind()
    if kind == "none":
        raise OptionError(
            f"{source}: nothing there; expected a folder of photos, Parquet or WebDataset shards"
        )
    name = ""
    if kind == "file":
        folder_path, name = posixpath.split(found.root)
        found = replace(found, root=folder_path, location=parent(found.location))
    if target.kind() == "file":
        raise OptionError(f"--output {output}: a file; expected a folder")
    if found.filesystem == target.filesystem and found.root == target.root:
        raise OptionError(f"--output {output}: the input's own folder; choose another --output")
    return found, target, name


def plan(
    source: Store,
    output: Store,
    name: str,
    size: int,
    column: str | None,
    copied: tuple[str, ...] = (),
) -> list[Part]:
    """The parts of a job.

    A folder that holds Parquet files or tar shards is a data set of those; else it is a folder of
    photos.

    Args:
        source: the input's folder.
        output: where results go.
        name: of a single shard; empty for the whole folder.
        size: photos or rows to a part.
        column: of Parquet, the column of images; None finds it.
        copied: columns of Parquet, endings in a tar, that the user vouches for.

    Raises:
        OptionError: if there is nothing to do, or shards of both kinds.
    """
    names = [name] if name else _shards(source, output)
    kinds = {_SHARDS.get(posixpath.splitext(n)[1].lower()) for n in names}
    if None in kinds:
        raise OptionError(
            f"{name}: got a single file; expected a folder of photos, a .parquet file or a .tar "
            "shard; for single photos take --engine local"
        )
    if len(kinds) > 1:
        raise OptionError(
            f"{source.name}: holds .parquet and .tar files; name a folder of one kind"
        )
    if not names:
        parts = folder.plan(source, output, size)
    elif kinds == {"parquet"}:
        parts = parquet.plan(source, names, size, column, copied)
    else:
        parts = webdataset.plan(source, names)
    if not parts:
        raise OptionError(
            f"{source.name}: no photos there; expected {READ} files, .parquet files or .tar shards"
        )
    return parts


def _shards(source: Store, output: Store) -> list[str]:
    same = output.filesystem == source.filesystem
    inside = output.root + "/" if same else "\0"
    return [
        name
        for name, _ in source.files()
        if posixpath.splitext(name)[1].lower() in _SHARDS
        and not posixpath.basename(name).startswith((".", "_"))
        and not source.path(name).startswith(inside)
    ]
