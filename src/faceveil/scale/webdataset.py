"""WebDataset: tar shards in which files of one name are one sample; a shard is a part."""

from __future__ import annotations

import io
import posixpath
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any, TypeAlias, cast

from faceveil.errors import PhotoError
from faceveil.files.paths import SUFFIXES, shown
from faceveil.scale.parts import Outcome, Part, Protect, failed, part_id
from faceveil.scale.pictures import is_picture, text_may_hold, text_of
from faceveil.scale.storage import Store

MOST_BYTES = 512 << 20
"""Bytes of one sample, all members together; it is held in memory whole."""

MOST_MEMBERS = 1000
"""Members of one sample."""

MOST_HEADER = 1 << 20
"""Bytes of a long name or other header of a member; read before the member is known."""

_BLOCK = 512

_AHEAD = 8 << 20
"""Bytes read at once: in an object store each reading is a request, and a member takes three."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file of a sample: header, bytes, and why it cannot be taken (empty where it can)."""

    info: tarfile.TarInfo
    data: bytes = b""
    problem: str = ""

    @property
    def ending(self) -> str:
        """The name after the key, lower case, such as ``seg.png``."""
        return posixpath.basename(self.info.name).partition(".")[2].lower()


Sample: TypeAlias = list[Member]
"""Members of one key."""


class _Archive:
    """A file that reads no more at once than it may: headers state sizes that are not there.

    Args:
        file: with seeking.
        size: of it, in bytes.
    """

    def __init__(self, file: Any, size: int) -> None:
        self.file, self.size, self.most = file, size, MOST_HEADER

    def read(self, count: int) -> bytes:
        if count > self.most:
            raise tarfile.ReadError(f"a header of {count:,} bytes")
        return bytes(self.file.read(count))

    def tell(self) -> int:
        return int(self.file.tell())

    def seek(self, place: int) -> int:
        if place > self.size:
            raise tarfile.ReadError("it ends within a file")
        return int(self.file.seek(place))


def plan(source: Store, names: list[str]) -> list[Part]:
    """A part for each shard."""
    return [
        Part(part_id("webdataset", name, source.size(name)), "webdataset", (name,), output=name)
        for name in names
    ]


def run(
    part: Part, source: Store, output: Store, protect: Protect, copied: tuple[str, ...] = ()
) -> Iterator[Outcome]:
    """Protect the samples of a shard and write those that are done as one shard.

    A sample of which one photo failed or shows nobody, or with a member that cannot be taken, is
    left out whole.

    Args:
        part: of :func:`plan`.
        source: where the shard is.
        output: where the result goes.
        protect: protects one photo.
        copied: endings that the user vouches for, such as ``npy`` or ``seg.png``.
    """
    (name,) = part.names
    vouched = frozenset(ending.lower().lstrip(".") for ending in copied)
    try:
        with (
            source.open(name) as stored,
            io.BufferedReader(cast(Any, stored), _AHEAD) as opened,
        ):
            archive = _Archive(opened, source.size(name))
            with (
                tarfile.open(fileobj=cast(Any, archive), mode="r:") as reader,
                output.publish(part.output) as sink,
                tarfile.open(fileobj=sink, mode="w", format=tarfile.PAX_FORMAT) as writer,
            ):
                try:
                    for key, sample in _samples(archive, reader):
                        yield from _protect(
                            f"{name}#{shown(key)}", sample, writer, protect, vouched
                        )
                except PhotoError as error:  # what was read before it is kept
                    yield failed(name, f"the rest cannot be read: {error}", "read")
    except (tarfile.TarError, PhotoError) as error:
        yield failed(name, f"not a tar archive ({error}); expected a WebDataset shard", "read")


def _samples(archive: _Archive, reader: tarfile.TarFile) -> Iterator[tuple[str, Sample]]:
    """Samples in order, by key.

    Raises:
        PhotoError: where the archive cannot be read further.
    """
    headers = (info for info in _headers(reader) if not info.isdir())
    for key, infos in groupby(headers, key=lambda info: _key(info.name)):
        sample: Sample = []
        room = MOST_BYTES
        for info in infos:
            if len(sample) < MOST_MEMBERS:
                sample.append(_member(archive, info, room))
                room -= len(sample[-1].data)
            elif len(sample) == MOST_MEMBERS:
                why = f"over {MOST_MEMBERS} members of one key"
                sample.append(Member(info, problem=why))
        yield key, sample
        _forget(reader)
    _check_end(archive, reader.offset)


def _headers(reader: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Headers of members.

    Raises:
        PhotoError: where one cannot be read.
    """
    while True:
        try:
            info = reader.next()
        except Exception as error:  # hostile headers raise anything, from any depth of the module
            raise PhotoError(
                f"damaged: {' '.join(str(error).split())}; get a whole copy"
            ) from error
        if info is None:
            return
        yield info


def _member(archive: _Archive, info: tarfile.TarInfo, room: int) -> Member:
    """A member with its bytes, unless it cannot be taken.

    Raises:
        PhotoError: where the archive ends within it.
    """
    problem = _refusal(info, room)
    if problem:
        return Member(info, problem=problem)
    if info.offset_data + info.size > archive.size:
        raise PhotoError("cut off within a file; get a whole copy")
    archive.file.seek(info.offset_data)
    data = archive.file.read(info.size)
    if len(data) != info.size:
        raise PhotoError("cut off within a file; get a whole copy")
    return Member(info, bytes(data))


def _refusal(info: tarfile.TarInfo, room: int) -> str:
    """Why a member cannot be taken, by its header; empty where it can."""
    if info.issym() or info.islnk():
        return "a link, not a file; store the file itself"
    if not info.isreg():
        return "a device or pipe, not a file; leave it out"
    if info.issparse():
        return "a sparse file, which may expand without end; store it whole"
    if info.size > room:
        return f"{info.size:,} bytes; expected at most {MOST_BYTES:,} a sample"
    try:
        info.name.encode()
    except UnicodeEncodeError:
        return "its name is not UTF-8; rename it"
    parts = info.name.replace("\\", "/").split("/")
    if parts[0] == "" or parts[0].endswith(":") or ".." in parts:
        return "its name leaves the folder that a shard is unpacked in; rename it"
    return ""


def _protect(
    record: str,
    sample: Sample,
    writer: tarfile.TarFile,
    protect: Protect,
    vouched: frozenset[str],
) -> Iterator[Outcome]:
    """Protect the photos of a sample; one outcome for each, and one for what cannot be copied."""
    done: list[Outcome] = []
    new: list[tuple[Member, bytes | None]] = []
    several = sum(_is_photo(member, vouched) for member in sample) > 1
    for member in sample:
        if not member.problem and member.ending in vouched:
            new.append((member, member.data))
        elif _is_photo(member, vouched):
            name = f"{record}.{shown(member.ending)}" if several else record
            done.append(protect(name, partial(bytes, member.data)))
            new.append((member, done[-1].data))
        else:
            why = member.problem or _not_text(member)
            if why:
                done.append(failed(record, f"{shown(member.info.name)}: {why}", "read"))
            new.append((member, None if why else member.data))
    if all(data is not None for _, data in new):
        for member, encoded in new:
            _write(writer, member.info, encoded or b"")
    yield from done


def _is_photo(member: Member, vouched: frozenset[str]) -> bool:
    """Whether it is to be protected: by its content, or because its name says so."""
    if member.problem or member.ending in vouched:
        return False
    suffix = posixpath.splitext(member.info.name)[1].lower()
    return suffix in SUFFIXES or is_picture(member.data)


def _not_text(member: Member) -> str:
    """Why a member that is no photo cannot be copied; empty where it is text without a picture."""
    ending = shown(member.ending) or "NAME"
    text = text_of(member.data)
    if text is None:
        what = "neither a photo nor text, so it may show the face"
    elif text_may_hold(text):
        what = "text that may hold a picture (long base64, or over 1,024 numbers in a row)"
    else:
        return ""
    return f"{what}; leave it out, or --copy-column {ending}"


def _key(name: str) -> str:
    """The path up to the first dot of the last part, as WebDataset splits it."""
    folder, file = posixpath.split(name)
    return posixpath.join(folder, file.split(".", 1)[0])


def _write(writer: tarfile.TarFile, member: tarfile.TarInfo, data: bytes) -> None:
    info = tarfile.TarInfo(member.name)
    info.size, info.mode, info.mtime = len(data), member.mode, member.mtime
    writer.addfile(info, io.BytesIO(data))
    _forget(writer)


def _forget(archive: tarfile.TarFile) -> None:
    """Drop the list of past members, which :mod:`tarfile` keeps for random access."""
    cast(Any, archive).members.clear()


def _check_end(archive: _Archive, offset: int) -> None:
    """An archive ends with a block of zeros; :mod:`tarfile` does not say where it is missing."""
    if offset > archive.size or archive.file.seek(offset) != offset:
        raise PhotoError("cut off: the end of the archive is missing; get a whole copy")
    if archive.file.read(_BLOCK) != bytes(_BLOCK):
        raise PhotoError("cut off: the end of the archive is missing; get a whole copy")
