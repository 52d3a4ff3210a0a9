"""Writing photos: the format they came in, and never half a file."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from faceveil.errors import ExistingOutputError, OutputError
from faceveil.imaging.deep import encode_deep
from faceveil.imaging.heif import encode_heif
from faceveil.imaging.photo import Photo
from faceveil.imaging.png import with_chunks

_LOSSLESS_TIFF = {"raw", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "packbits"}
_XMP_TAG = 700
TEMPORARY = ".faceveil-tmp"
"""Suffix of files that are being written."""


def encode_photo(photo: Photo, *, keep_metadata: bool = False) -> bytes:
    """Encode in the photo's own format, mode and depth.

    JPEG takes the original's quantisation tables and subsampling, so that what did not change
    loses next to nothing (a subsampling that cannot be written, 4:4:0 or 4:1:1, becomes 4:4:4);
    WebP stays lossless where it was and takes quality 95
    otherwise, as HEIC and AVIF do in their own depth and subsampling.

    Args:
        photo: what to write.
        keep_metadata: keep EXIF and XMP, where they may be kept; both are dropped otherwise. The
            colour profile always stays: without it the colours would be others.
    """
    metadata = {k: v for k, v in photo.metadata.items() if keep_metadata or k == "icc_profile"}
    if photo.format == "HEIF":
        return encode_heif(photo, metadata)
    if photo.pixels.dtype == np.uint16:
        return encode_deep(photo, metadata)
    options = {**_encoder_options(photo), **_metadata_options(photo.format, metadata)}
    buffer = io.BytesIO()
    chunks = options.pop("chunks", ())
    _as_image(photo).save(buffer, photo.format, **options)
    return with_chunks(buffer.getvalue(), chunks) if chunks else buffer.getvalue()


def _encoder_options(photo: Photo) -> dict[str, Any]:
    options: dict[str, Any] = dict(photo.settings)
    if photo.format == "JPEG":
        if options.get("subsampling", 0) == -1:
            options.pop("subsampling")
        if "qtables" not in options:
            options["quality"] = 95
    elif photo.format == "AVIF":
        options = {"quality": 95, "subsampling": options.get("subsampling", "4:4:4")}
    elif photo.format == "WEBP":
        options |= {"quality": 95, "method": 4, "exact": True}
    elif photo.format == "TIFF" and options.get("compression", "raw") not in _LOSSLESS_TIFF:
        options["compression"] = "tiff_adobe_deflate"
    return options


def _metadata_options(kind: str, metadata: dict[str, bytes]) -> dict[str, Any]:
    if kind == "BMP":
        return {}  # the format has no place for any
    options: dict[str, Any] = {k: v for k, v in metadata.items() if k != "xmp"}
    if "xmp" not in metadata:
        return options
    if kind == "PNG":
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", metadata["xmp"].decode("utf-8", "replace"))
        options["pnginfo"] = info
    elif kind == "TIFF":
        options["tiffinfo"] = {_XMP_TAG: metadata["xmp"]}
    else:
        options["xmp"] = metadata["xmp"]
    return options


def write_atomic(data: bytes, path: Path, *, overwrite: bool = False) -> None:
    """Write a file whole or not at all.

    The bytes go to a temporary file beside the final one, to the disk, and only then under the
    final name; a crash at any moment leaves no partial file under that name.

    Args:
        data: the bytes.
        path: the final name; its folder is made.
        overwrite: replace a file that is already there.

    Raises:
        ExistingOutputError: if the file is there and may not be replaced.
        OutputError: if it cannot be written.
    """
    with placed(path, overwrite=overwrite) as temporary, temporary.open("xb") as file:
        file.write(data)


@contextlib.contextmanager
def placed(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A temporary name beside a file, which takes the final name when the block is done.

    Where the block raises, or the process dies in it, there is no file under the final name.

    Args:
        path: the final name; its folder is made.
        overwrite: replace a file that is already there.

    Raises:
        ExistingOutputError: if the file is there and may not be replaced.
        OutputError: if it cannot be written.
    """
    token = f"{os.getpid()}-{secrets.token_hex(4)}"
    temporary = path.with_name(f".{path.name[:50]}.{token}{TEMPORARY}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write it: {_why(error)}") from error
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        if overwrite:
            os.replace(temporary, path)
        else:
            _place_new(temporary, path)
        _sync_folder(path.parent)
    except FileExistsError as error:
        raise ExistingOutputError(
            "the output is already there; choose --existing overwrite"
        ) from error
    except OSError as error:
        raise OutputError(f"cannot write it: {_why(error)}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Have the folder's new entry on the disk: no later record may outlive the file."""
    with contextlib.suppress(OSError):  # Windows, and some network disks, cannot
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def remove_stale(folders: Iterable[Path], age: float = 60.0) -> None:
    """Remove what killed runs left: temporary files of processes that are gone.

    Args:
        folders: where to look, not below them; missing ones are passed over.
        age: seconds since the last write; younger files may be another machine's, on a shared disk.
    """
    for folder in folders:
        with contextlib.suppress(OSError):
            for file in folder.glob(f".*{TEMPORARY}"):
                pid = file.name.removesuffix(TEMPORARY).rsplit(".", 1)[-1].split("-")[0]
                old = time.time() - file.stat().st_mtime > age
                if pid.isdecimal() and old and not _alive(int(pid)):
                    file.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _place_new(temporary: Path, path: Path) -> None:
    """Give a file its name only if the name is free, without a moment in between."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if os.path.lexists(path):
            raise FileExistsError(path) from None
        os.replace(temporary, path)


def _as_image(photo: Photo) -> Image.Image:
    if photo.mode == "CMYK":
        height, width = photo.pixels.shape[:2]
        return Image.frombytes("CMYK", (width, height), photo.pixels.tobytes())
    return Image.fromarray(photo.pixels)


def _why(error: OSError) -> str:
    advice = {
        errno.ENOSPC: "the disk is full; free some space and run it again",
        errno.EDQUOT: "the disk quota is used up; free some space and run it again",
        errno.EACCES: "no permission; choose another --output",
        errno.EPERM: "no permission; choose another --output",
        errno.EROFS: "the disk is read-only; choose another --output",
        errno.ENAMETOOLONG: "the name is too long; rename the input",
        errno.ENOTDIR: "a part of the path is a file; choose another --output",
        errno.EEXIST: "a part of the path is a file; choose another --output",
        errno.EISDIR: "a folder has that name; choose another --output",
    }
    return advice.get(error.errno or 0, os.strerror(error.errno or 0))
