"""Reading uploads: in memory only, within the limits."""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from faceveil.web.errors import ApiError
from faceveil.web.settings import Settings

for _parser in ("python_multipart", "multipart"):  # they would log what is odd in an upload
    logging.getLogger(_parser).addHandler(logging.NullHandler())
    logging.getLogger(_parser).propagate = False

MAX_FIELDS = 40
MAX_FIELD_BYTES = 1 << 17
MAX_HEADER_BYTES = 8192


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of a form: the name that the client gave it, and its bytes."""

    name: str
    data: bytes


class _InMemory(MultiPartParser):
    """Starlette's parser writes files over 1 MiB to the disk; this one never does."""

    spool_max_size = sys.maxsize
    max_file_size = sys.maxsize  # the same, in earlier versions
    _header_bytes = 0

    def on_part_begin(self) -> None:
        self._header_bytes = 0
        super().on_part_begin()

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        super().on_header_field(data, start, end)

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        super().on_header_value(data, start, end)

    def _count(self, some: int) -> None:
        """Earlier versions glue a header of any length together, on the event loop."""
        self._header_bytes += some
        if self._header_bytes > MAX_HEADER_BYTES:
            raise MultiPartException("a file name or another header is too long")


async def read_form(
    request: Request, settings: Settings, files: Mapping[str, int]
) -> tuple[dict[str, str], dict[str, list[Upload]]]:
    """The fields and files of a multipart form.

    Args:
        request: with its body unread.
        settings: the limits.
        files: names of the file fields, and how many of each there may be.

    Raises:
        ApiError: if it is no form, is damaged, or is over a limit.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        raise ApiError("not_a_form")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > settings.max_request_bytes:
        raise _too_large("request", settings.max_request_bytes)
    parser = _InMemory(
        request.headers,
        _limited(request, settings.max_request_bytes),
        max_files=settings.max_files + 1,
        max_fields=MAX_FIELDS,
    )
    parser.max_part_size = MAX_FIELD_BYTES  # earlier versions do not take it as an argument
    try:
        form = await parser.parse()
    except ClientDisconnect as error:
        raise ApiError("bad_request", "the upload ended early") from error
    except MultiPartException as error:
        if error.message.startswith("Too many files"):
            raise _too_many(settings.max_files) from error
        raise ApiError("bad_request", f"damaged form: {error.message}") from error
    except ValueError as error:  # a charset that cannot decode, a boundary that is no ASCII
        raise ApiError("bad_request", "damaged form") from error
    try:
        return await _sort(form.multi_items(), settings, files)
    finally:
        await form.close()


async def _sort(
    items: list[tuple[str, UploadFile | str]], settings: Settings, files: Mapping[str, int]
) -> tuple[dict[str, str], dict[str, list[Upload]]]:
    fields: dict[str, str] = {}
    uploads: dict[str, list[Upload]] = {name: [] for name in files}
    for name, value in items:
        if isinstance(value, str):
            if name in fields:
                raise ApiError("bad_option", f"{name!r:.60}: given twice; expected once")
            fields[name] = value
            continue
        if name not in uploads:
            known = ", ".join(files)
            raise ApiError("bad_option", f"file field {name!r:.60}: unknown; expected {known}")
        data = await value.read()
        if len(data) > settings.max_photo_bytes:
            raise _too_large("photo", settings.max_photo_bytes)
        uploads[name].append(Upload(value.filename or "", data))
        if len(uploads[name]) > files[name]:
            raise _too_many(files[name])
    for name, found in uploads.items():
        if not found:
            raise ApiError("bad_option", f"{name}: no file; expected a photo in that field")
    return fields, uploads


async def _limited(request: Request, most: int) -> AsyncGenerator[bytes, None]:
    """The body, counted as it comes: a length need not be stated, or true."""
    count = 0
    async for chunk in request.stream():
        count += len(chunk)
        if count > most:
            raise _too_large("request", most)
        yield chunk


def _too_large(what: str, most: int) -> ApiError:
    return ApiError("too_large", f"the {what} is larger than {most:,} bytes; shrink it first")


def _too_many(most: int) -> ApiError:
    return ApiError("too_many_files", f"more than {most} files in that field; send fewer")
