"""A folder on a disk or in an object store; what is written there appears whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from faceveil.errors import (
    FaceVeilError,
    MissingExtraError,
    OptionError,
    OutputError,
    PhotoError,
    missing_extra,
)
from faceveil.files.paths import shown
from faceveil.imaging.encode import placed
from faceveil.scale.address import complete, shown_address

_COPY = 8 << 20


@dataclass(frozen=True, slots=True)
class Store:
    """A folder, or a single file as a folder of one.

    Attributes:
        filesystem: ``pyarrow.fs.FileSystem``.
        root: path of the folder in it, without a slash at the end.
        location: what the user named, made complete; workers open it again from that.
        local: whether the folder is on a disk that this machine mounts.
        whole: whether a file appears only when its stream is closed, as in S3.
    """

    filesystem: Any
    root: str
    location: str
    local: bool
    whole: bool = False

    @property
    def name(self) -> str:
        """The location for messages and records, without a query."""
        return shown_address(self.location)

    def path(self, name: str) -> str:
        """Path in the file system of a file below the folder; the folder itself for ``""``."""
        return f"{self.root}/{name}" if name else self.root

    def _look(self, what: Any) -> Any:
        """What pyarrow says of a path, of several, or of what is below a folder.

        Raises:
            FaceVeilError: if the store does not answer.
        """
        try:
            return self.filesystem.get_file_info(what)
        except OSError as error:
            raise FaceVeilError(f"{self.name}: cannot be looked at: {_line(error)}") from error

    def kind(self, name: str = "") -> str:
        """``file``, ``folder`` or ``none``."""
        fs = _pyarrow_fs()
        kinds = {fs.FileType.File: "file", fs.FileType.Directory: "folder"}
        return kinds.get(self._look(self.path(name)).type, "none")

    def existing(self, names: Sequence[str]) -> list[str]:
        """Those of some files that are there."""
        found = self._look([self.path(name) for name in names])
        none = _pyarrow_fs().FileType.NotFound
        return [name for name, info in zip(names, found, strict=True) if info.type != none]

    def files(self, name: str = "") -> list[tuple[str, int]]:
        """All files below a folder with their sizes in bytes, by name; none where it is absent."""
        fs = _pyarrow_fs()
        selector = fs.FileSelector(self.path(name), recursive=True, allow_not_found=True)
        skip = len(self.root) + 1
        found = self._look(selector)
        return sorted((i.path[skip:], int(i.size)) for i in found if i.type == fs.FileType.File)

    def size(self, name: str) -> int:
        """Bytes of a file; 0 where it is absent."""
        return int(self._look(self.path(name)).size or 0)

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading, with seeking.

        Raises:
            PhotoError: if it cannot be opened.
        """
        try:
            return cast(BinaryIO, self.filesystem.open_input_file(self.path(name)))
        except OSError as error:
            raise PhotoError(_unreadable(error)) from error

    def read(self, name: str) -> bytes:
        """All bytes of a file.

        Raises:
            PhotoError: if it cannot be read.
        """
        try:
            with self.open(name) as file:
                return file.read()
        except OSError as error:
            raise PhotoError(_unreadable(error)) from error

    @contextlib.contextmanager
    def publish(self, name: str) -> Iterator[BinaryIO]:
        """A file to write, which takes its name when the block is done, in place of what is there.

        On a disk it is written beside and renamed. A stream that is closed by an error would leave
        a part in an object store: so for S3 and GS it is written on this machine's disk first (in
        ``TMPDIR``, without a name) and then sent; in others under ``_faceveil/tmp`` and moved.

        Raises:
            OutputError: if it cannot be written.
        """
        if self.local:
            target = Path(self.path(name))
            with placed(target, overwrite=True) as temporary, temporary.open("xb") as file:
                yield cast(BinaryIO, file)
            return
        try:
            with self._sent(name) if self.whole else self._moved(name) as stream:
                yield stream
        except OSError as error:
            raise OutputError(f"cannot write {shown(name)}: {_line(error)}") from error

    @contextlib.contextmanager
    def _sent(self, name: str) -> Iterator[BinaryIO]:
        with tempfile.TemporaryFile() as file:
            yield cast(BinaryIO, file)
            file.seek(0)
            with self.filesystem.open_output_stream(self.path(name)) as stream:
                shutil.copyfileobj(file, stream, _COPY)

    @contextlib.contextmanager
    def _moved(self, name: str) -> Iterator[BinaryIO]:
        temporary = self.path(f"_faceveil/tmp/{secrets.token_hex(8)}")
        try:
            for path in (temporary, self.path(name)):
                self.filesystem.create_dir(os.path.dirname(path), recursive=True)
            with self.filesystem.open_output_stream(temporary) as stream:
                yield stream
            self.filesystem.move(temporary, self.path(name))
        finally:
            with contextlib.suppress(OSError):
                self.filesystem.delete_file(temporary)

    def write(self, name: str, data: bytes) -> None:
        """Write a file whole or not at all; see :meth:`publish`."""
        if not self.whole:
            with self.publish(name) as file:
                file.write(data)
            return
        try:
            with self.filesystem.open_output_stream(self.path(name)) as stream:
                stream.write(data)
        except OSError as error:
            raise OutputError(f"cannot write {shown(name)}: {_line(error)}") from error

    def delete(self, name: str) -> None:
        """Remove a file; nothing happens where it is absent."""
        with contextlib.suppress(FileNotFoundError):
            self.filesystem.delete_file(self.path(name))


def open_store(location: str) -> Store:
    """A folder or file by its path or address.

    Args:
        location: a path, or an address that pyarrow (``s3://``, ``gs://``, ``hdfs://``,
            ``file://``) or else fsspec knows.

    Raises:
        MissingExtraError: if pyarrow is not installed, or fsspec lacks the scheme's package.
        OptionError: if nothing knows the address, or it holds a password.
    """
    fs = _pyarrow_fs()
    location = complete(location)
    if "://" not in location:
        path = os.path.abspath(location)
        return Store(fs.LocalFileSystem(), path.rstrip("/"), path, True)
    try:
        filesystem, root = _by_pyarrow(location)
    except (OSError, ValueError, NotImplementedError):
        filesystem, root = _by_fsspec(location)
    local = isinstance(filesystem, fs.LocalFileSystem)
    whole = filesystem.type_name in ("s3", "gcs")
    return Store(filesystem, root.rstrip("/"), location, local, whole)


def _by_pyarrow(location: str) -> tuple[Any, str]:
    from_uri = _pyarrow_fs().FileSystem.from_uri
    if location.startswith("s3://"):  # a small file is one request, where pyarrow can do that
        mark = "&" if "?" in location else "?"
        with contextlib.suppress(ValueError):
            return cast(tuple[Any, str], from_uri(f"{location}{mark}allow_delayed_open=true"))
    return cast(tuple[Any, str], from_uri(location))


def _by_fsspec(location: str) -> tuple[Any, str]:
    fs = _pyarrow_fs()
    try:
        import fsspec

        other, root = fsspec.core.url_to_fs(location)
    except ImportError as error:
        raise MissingExtraError(f"{location}: {_line(error)}") from error  # fsspec says which
    except (ValueError, OSError) as error:
        raise OptionError(
            f"{location}: {_line(error)}; expected a path, or an address such as s3:// or gs://"
        ) from error
    return fs.PyFileSystem(fs.FSSpecHandler(other)), root


def _pyarrow_fs() -> Any:
    try:
        from pyarrow import fs
    except ImportError as error:
        raise missing_extra("--engine ray", error, "scale") from error
    return fs


def _unreadable(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file; expected a photo"
    if isinstance(error, PermissionError):
        return "no permission to read it; change its permissions"
    return f"cannot be read: {_line(error)}"


def _line(error: BaseException) -> str:
    return " ".join(str(getattr(error, "strerror", "") or error).split())
