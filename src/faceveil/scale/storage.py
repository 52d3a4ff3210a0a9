"""A folder on a disk or in an object store; what is written there appears whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from faceveil.errors import MissingExtraError, OptionError, OutputError, PhotoError
from faceveil.imaging.encode import placed
from faceveil.runtime.paths import shown


@dataclass(frozen=True, slots=True)
class Store:
    """A folder, or a single file as a folder of one.

    Attributes:
        filesystem: ``pyarrow.fs.FileSystem``.
        root: path of the folder in it, without a slash at the end.
        location: what the user named; workers open it again from that.
        local: whether the folder is on a disk that this machine mounts.
    """

    filesystem: Any
    root: str
    location: str
    local: bool

    def path(self, name: str) -> str:
        """Path in the file system of a file below the folder; the folder itself for ``""``."""
        return f"{self.root}/{name}" if name else self.root

    def kind(self, name: str = "") -> str:
        """``file``, ``folder`` or ``none``."""
        fs = _pyarrow_fs()
        kinds = {fs.FileType.File: "file", fs.FileType.Directory: "folder"}
        return kinds.get(self.filesystem.get_file_info(self.path(name)).type, "none")

    def existing(self, names: Sequence[str]) -> list[str]:
        """Those of some files that are there."""
        found = self.filesystem.get_file_info([self.path(name) for name in names])
        none = _pyarrow_fs().FileType.NotFound
        return [name for name, info in zip(names, found, strict=True) if info.type != none]

    def files(self, name: str = "") -> list[tuple[str, int]]:
        """All files below a folder with their sizes in bytes, by name; none where it is absent."""
        fs = _pyarrow_fs()
        selector = fs.FileSelector(self.path(name), recursive=True, allow_not_found=True)
        skip = len(self.root) + 1
        found = self.filesystem.get_file_info(selector)
        return sorted((i.path[skip:], int(i.size)) for i in found if i.type == fs.FileType.File)

    def size(self, name: str) -> int:
        """Bytes of a file; 0 where it is absent."""
        return int(self.filesystem.get_file_info(self.path(name)).size or 0)

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

        On a disk it is written beside and renamed; in an object store it is written under
        ``_faceveil/tmp`` and moved, since a stream that is closed by an error would leave a part.

        Raises:
            OutputError: if it cannot be written.
        """
        if self.local:
            target = Path(self.path(name))
            with placed(target, overwrite=True) as temporary, temporary.open("xb") as file:
                yield cast(BinaryIO, file)
            return
        temporary_name = self.path(f"_faceveil/tmp/{secrets.token_hex(8)}")
        try:
            for folder in (temporary_name, self.path(name)):
                self.filesystem.create_dir(os.path.dirname(folder), recursive=True)
            with self.filesystem.open_output_stream(temporary_name) as stream:
                yield stream
            self.filesystem.move(temporary_name, self.path(name))
        except OSError as error:
            raise OutputError(f"cannot write {shown(name)}: {_line(error)}") from error
        finally:
            with contextlib.suppress(OSError):
                self.filesystem.delete_file(temporary_name)

    def write(self, name: str, data: bytes) -> None:
        """Write a file whole or not at all; see :meth:`publish`."""
        with self.publish(name) as file:
            file.write(data)

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
        OptionError: if nothing knows the address.
    """
    fs = _pyarrow_fs()
    if "://" not in location:
        path = os.path.abspath(location)
        return Store(fs.LocalFileSystem(), path.rstrip("/"), path, True)
    try:
        filesystem, root = fs.FileSystem.from_uri(location)
    except (OSError, ValueError, NotImplementedError):
        filesystem, root = _by_fsspec(location)
    local = isinstance(filesystem, fs.LocalFileSystem)
    return Store(filesystem, root.rstrip("/"), location, local)


def _by_fsspec(location: str) -> tuple[Any, str]:
    fs = _pyarrow_fs()
    try:
        import fsspec

        other, root = fsspec.core.url_to_fs(location)
    except ImportError as error:
        raise MissingExtraError(f"{location}: {_line(error)}") from error
    except (ValueError, OSError) as error:
        raise OptionError(
            f"{location}: {_line(error)}; expected a path, or an address such as s3:// or gs://"
        ) from error
    return fs.PyFileSystem(fs.FSSpecHandler(other)), root


def _pyarrow_fs() -> Any:
    try:
        from pyarrow import fs
    except ImportError as error:
        raise MissingExtraError(
            '--engine ray needs pyarrow, which is absent; expected: pip install "faceveil[scale]"'
        ) from error
    return fs


def _unreadable(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file; expected a photo"
    if isinstance(error, PermissionError):
        return "no permission to read it; change its permissions"
    return f"cannot be read: {_line(error)}"


def _line(error: BaseException) -> str:
    return " ".join(str(getattr(error, "strerror", "") or error).split())
