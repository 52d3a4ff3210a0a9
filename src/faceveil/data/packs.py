"""Parquet packs of aligned faces: WebP bytes, gender, and what else is known.

Decoded faces are forty times the bytes of a pack, so they are held in memory only where they are
few. Otherwise they become a file that is mapped, of which what is asked for is read: a training run
needs no more memory for a large data set than for a small one.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import mmap
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from faceveil.errors import OptionError, OutputError
from faceveil.types import Float32Array, Uint8Array

try:
    import fcntl
except ImportError:  # not on Windows, where several processes then each decode for themselves
    fcntl = None  # type: ignore[assignment]

IN_MEMORY = 256 * 2**20
"""Bytes of decoded faces that are held in memory; more go into a file."""

BLOCK = 256
"""Faces that are decoded at a time."""

_OTHERS = ("race", "age", "age_group", "source")
_folder: ContextVar[Path | None] = ContextVar("folder of decoded faces", default=None)


@dataclass(frozen=True, slots=True, eq=False)
class Pack:
    """Aligned faces.

    Attributes:
        images: (N, S, S, 3) RGB or (N, S, S) grey uint8, in the canonical frame at S pixels; where
            they are many, read-only and mapped from a file: see :func:`take`.
        male: (N,) float32, 1 male, 0 female.
        identity: (N,) int64 codes, or an empty array where no pack names identities; faces of one
            that names none, beside others that do, are each a person of their own.
        columns: what else every pack knows, by name: ``race``, ``age``, ``age_group``, ``source``,
            each (N,).
    """

    images: Uint8Array
    male: NDArray[np.float32]
    identity: NDArray[np.int64]
    columns: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.images)


def load_packs(paths: Sequence[Path], *, grey: bool = False) -> Pack:
    """Read packs, one after another.

    Args:
        paths: Parquet files with the columns ``image`` and ``gender`` (``m`` or ``f``).
        grey: keep luma only (BT.601), a third of the bytes.

    Raises:
        OptionError: if a file is missing, has no such columns, or holds an image that cannot be
            decoded or is of another size than the first.
        OutputError: if the decoded faces are too many for memory and do not fit on the disk.
    """
    tables = [_labels(path) for path in paths]
    total = sum(len(t) for t in tables)
    male = [np.array([g == "m" for g in t["gender"].to_pylist()], np.float32) for t in tables]
    names: list[str] = []
    others: dict[str, list[Any]] = {name: [] for name in _OTHERS}
    named = False
    for path, table in zip(paths, tables, strict=True):
        known = set(table.schema.names)
        named |= "identity" in known
        own = [f"{path.name} {i}" for i in range(len(table))]
        names += table["identity"].to_pylist() if "identity" in known else own
        for name in others.keys() & known:
            others[name] += table[name].to_pylist()
    identity = np.empty(0, np.int64)
    if named:
        identity = np.unique(names, return_inverse=True)[1].astype(np.int64)
    columns = {k: np.array(v) for k, v in others.items() if len(v) == total}
    return Pack(_images(paths, total, grey), np.concatenate(male), identity, columns)


def face_blocks(
    paths: Sequence[Path], chosen: NDArray[np.bool_] | None = None
) -> Iterator[tuple[Uint8Array, Float32Array]]:
    """Faces of packs in passing, for what needs each of them once.

    Args:
        paths: as of :func:`load_packs`.
        chosen: (N,) which of all faces to give; None for all.

    Yields:
        (B, S, S, 3) RGB and (B,) genders, 1 male, of some of the faces.
    """
    start = 0
    for path in paths:
        male = np.array([g == "m" for g in _labels(path)["gender"].to_pylist()], np.float32)
        first = 0
        for block in _decoded(path, grey=False):
            rows = slice(start + first, start + first + len(block))
            kept = slice(None) if chosen is None else chosen[rows]
            yield block[kept], male[first : first + len(block)][kept]
            first += len(block)
        start += len(male)


def take(images: Uint8Array, rows: Any) -> Uint8Array:
    """``images[rows]`` as an array of its own; of a mapped file nothing else stays in memory."""
    found = np.array(images[rows])
    base: Any = images
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)  # the pages are the system's to keep or to drop
    return found


@contextlib.contextmanager
def decoded_in(folder: Path) -> Iterator[None]:
    """Within the block, faces that are too many for memory are kept decoded in this folder.

    Whoever reads the same packs next, in this process or another, finds them there. The folder may
    be deleted at any time. Without it they go into a temporary file (``TMPDIR`` says where).
    """
    token = _folder.set(folder)
    try:
        yield
    finally:
        _folder.reset(token)


def sha256_of(paths: Sequence[Path]) -> dict[str, str]:
    """The SHA-256 of each file, by name: what a recipe records about its data."""
    digests = {}
    for path in paths:
        with path.open("rb") as file:
            digests[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests


def pack_key(paths: Sequence[Path]) -> str:
    """Names what was worked out of these files as they are now: 16 hexadecimal digits."""
    stats = [(str(p.resolve()), (s := p.stat()).st_size, s.st_mtime_ns) for p in paths]
    return hashlib.sha256(repr(stats).encode()).hexdigest()[:16]


def _labels(path: Path) -> pa.Table:
    """Everything of a pack but its images."""
    if not path.is_file():
        raise OptionError(f"{path}: no such file; expected a Parquet pack; check --data")
    with _readable(path), pq.ParquetFile(path) as file:
        known = set(file.schema_arrow.names)
        missing = {"image", "gender"} - known
        if missing:
            raise OptionError(f"{path}: no column {sorted(missing)}; expected image and gender")
        wanted = [c for c in ("gender", "identity", *_OTHERS) if c in known]
        return file.read(columns=wanted)


def _images(paths: Sequence[Path], total: int, grey: bool) -> Uint8Array:
    """All faces, in memory or mapped."""
    first = next((block[0] for path in paths for block in _decoded(path, grey=grey)), None)
    shape = (total, *(first.shape if first is not None else (0, 0) if grey else (0, 0, 3)))
    if math.prod(shape) <= IN_MEMORY:
        images = np.empty(shape, np.uint8)
        start = 0
        for block in _all_decoded(paths, grey, shape[1:]):
            images[start : start + len(block)] = block
            start += len(block)
        return images
    folder = _folder.get()
    if folder is None:
        with tempfile.TemporaryFile() as file:  # gone with its last user
            _write(file, Path(tempfile.gettempdir()), paths, grey, shape)
            return np.memmap(file, np.uint8, "r", shape=shape)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{pack_key(paths)}-{'grey' if grey else 'rgb'}.u8"
    with _alone(path.with_suffix(".lock")):
        if not path.is_file() or path.stat().st_size != math.prod(shape):
            temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
            try:
                with temporary.open("wb") as file:
                    _write(file, folder, paths, grey, shape)
                os.replace(temporary, path)
            finally:
                temporary.unlink(missing_ok=True)
    return np.memmap(path, np.uint8, "r", shape=shape)


def _write(
    file: IO[bytes], folder: Path, paths: Sequence[Path], grey: bool, shape: tuple[int, ...]
) -> None:
    needed, free = math.prod(shape), shutil.disk_usage(folder).free
    if needed > free:
        raise OutputError(
            f"{folder}: {needed / 1e9:.1f} GB of decoded faces, {free / 1e9:.1f} GB free; free "
            "some space, or name another folder (--output, or TMPDIR)"
        )
    try:
        for block in _all_decoded(paths, grey, shape[1:]):
            file.write(block.tobytes())
        file.flush()
    except OSError as error:
        raise OutputError(f"{folder}: cannot write decoded faces ({error.strerror})") from error


def _all_decoded(paths: Sequence[Path], grey: bool, shape: tuple[int, ...]) -> Iterator[Uint8Array]:
    for path in paths:
        for block in _decoded(path, grey=grey):
            if block.shape[1:] != shape:
                raise OptionError(
                    f"{path}: a face of {block.shape[1:]}; the first pack has {shape}; expected "
                    "packs of one size; prepare them with the same --size"
                )
            yield block


def _decoded(path: Path, *, grey: bool) -> Iterator[Uint8Array]:
    """The faces of one pack, some at a time."""
    done = 0
    # Buffered: a row group, which may be the whole pack, is not read at once.
    with (
        _readable(path),
        pq.ParquetFile(path, buffer_size=2**20, pre_buffer=False) as file,
        ThreadPoolExecutor() as pool,
    ):
        for batch in file.iter_batches(BLOCK, columns=["image"], use_threads=False):
            blobs = batch.column(0).to_pylist()
            images = list(pool.map(lambda b: _decode(b, grey), blobs))
            bad = next((i for i, image in enumerate(images) if image is None), None)
            if bad is not None:
                raise OptionError(
                    f"{path}: image {done + bad} cannot be decoded; the pack is damaged"
                )
            found = [image for image in images if image is not None]
            other = next((i for i in found if i.shape != found[0].shape), None)
            if other is not None:
                raise OptionError(
                    f"{path}: faces of {found[0].shape} and {other.shape}; expected one size"
                )
            if found:
                yield np.stack(found)
            done += len(blobs)


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise OptionError(
            f"{path}: damaged, or no Parquet file ({reason}); expected a pack; make it again"
        ) from error


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process at a time, where the system knows how."""
    with path.open("a") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _decode(blob: bytes, grey: bool) -> Uint8Array | None:
    if not blob:
        return None
    image = cv2.imdecode(np.frombuffer(blob, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        return None
    code = cv2.COLOR_BGR2GRAY if grey else cv2.COLOR_BGR2RGB
    return np.asarray(cv2.cvtColor(image, code), np.uint8)
