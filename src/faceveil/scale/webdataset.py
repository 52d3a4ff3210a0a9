"""WebDataset: tar shards in which files of one name are one sample; a shard is a part."""

from __future__ import annotations

import io
import posixpath
import tarfile
from collections.abc import Iterator
from functools import partial
from itertools import groupby
from typing import Any, TypeAlias, cast

from faceveil.errors import PhotoError
from faceveil.files.paths import SUFFIXES
from faceveil.scale.parts import Outcome, Part, Protect, failed, part_id
from faceveil.scale.storage import Store

TEXT = frozenset({".json", ".txt", ".cls", ".caption", ".csv", ".id", ".index", ".xml", ".yaml"})
"""Members that are copied. All others but photos may show the face, and are refused."""

_BLOCK = 512

_AHEAD = 8 << 20
"""Bytes read at once: in an object store each reading is a request, and a member takes three."""

Sample: TypeAlias = list[tuple[tarfile.TarInfo, bytes]]
"""Members of one key with their bytes."""


def plan(source: Store, names: list[str]) -> list[Part]:
    """A part for each shard."""
    return [
        Part(part_id("webdataset", name, source.size(name)), "webdataset", (name,), output=name)
        for name in names
    ]


def run(part: Part, source: Store, output: Store, protect: Protect) -> Iterator[Outcome]:
    """Protect the samples of a shard and write those that are done as one shard.

    A sample of which one photo failed or shows nobody is left out whole.

    Args:
        part: of :func:`plan`.
        source: where the shard is.
        output: where the result goes.
        protect: protects one photo.
    """
    (name,) = part.names
    try:
        with (
            source.open(name) as stored,
            io.BufferedReader(cast(Any, stored), _AHEAD) as opened,
            tarfile.open(fileobj=opened, mode="r:") as reader,
            output.publish(part.output) as sink,
            tarfile.open(fileobj=sink, mode="w", format=tarfile.PAX_FORMAT) as writer,
        ):
            try:
                for key, sample in _samples(opened, reader):
                    yield from _protect(f"{name}#{key}", sample, writer, protect)
            except PhotoError as error:  # what was read before it is kept
                yield failed(name, f"the rest cannot be read: {error}", "read")
    except (tarfile.TarError, PhotoError) as error:
        yield failed(name, f"not a tar archive ({error}); expected a WebDataset shard", "read")


def _samples(opened: Any, reader: tarfile.TarFile) -> Iterator[tuple[str, Sample]]:
    """Samples in order, by key.

    Raises:
        PhotoError: where the archive cannot be read further.
    """
    try:
        regular = (member for member in reader if member.isfile())
        for key, members in groupby(regular, key=lambda m: _key(m.name)):
            yield key, [(member, _content(reader, member)) for member in members]
            _forget(reader)
        _check_end(opened, reader.offset)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise PhotoError(f"damaged: {' '.join(str(error).split())}; get a whole copy") from error


def _protect(
    record: str, sample: Sample, writer: tarfile.TarFile, protect: Protect
) -> Iterator[Outcome]:
    """Protect the photos of a sample; one outcome for each, and one for what cannot be copied."""
    done: list[Outcome] = []
    new: list[tuple[tarfile.TarInfo, bytes | None]] = []
    several = sum(_suffix(member) in SUFFIXES for member, _ in sample) > 1
    for member, data in sample:
        suffix = _suffix(member)
        if suffix in SUFFIXES:
            name = f"{record}{suffix}" if several else record
            done.append(protect(name, partial(bytes, data)))
            new.append((member, done[-1].data))
        elif suffix in TEXT:
            new.append((member, data))
        else:
            why = f"{member.name}: neither a photo nor text, so it may show the face; leave it out"
            done.append(failed(record, why, "read"))
            new.append((member, None))
    if all(data is not None for _, data in new):
        for member, encoded in new:
            _write(writer, member, encoded or b"")
    yield from done


def _suffix(member: tarfile.TarInfo) -> str:
    return posixpath.splitext(member.name)[1].lower()


def _key(name: str) -> str:
    """The path up to the first dot of the last part, as WebDataset splits it."""
    folder, file = posixpath.split(name)
    return posixpath.join(folder, file.split(".", 1)[0])


def _content(reader: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = reader.extractfile(member)
    data = file.read() if file is not None else b""
    if len(data) != member.size:
        raise PhotoError("cut off within a file; get a whole copy")
    return data


def _write(writer: tarfile.TarFile, member: tarfile.TarInfo, data: bytes) -> None:
    info = tarfile.TarInfo(member.name)
    info.size, info.mode, info.mtime = len(data), member.mode, member.mtime
    writer.addfile(info, io.BytesIO(data))
    _forget(writer)


def _forget(archive: tarfile.TarFile) -> None:
    """Drop the list of past members, which :mod:`tarfile` keeps for random access."""
    cast(Any, archive).members.clear()


def _check_end(file: Any, offset: int) -> None:
    """An archive ends with a block of zeros; :mod:`tarfile` does not say where it is missing."""
    file.seek(offset)
    if file.read(_BLOCK) != bytes(_BLOCK):
        raise PhotoError("cut off: the end of the archive is missing; get a whole copy")
