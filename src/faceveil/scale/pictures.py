"""Whether a value of a data set may hold a picture: by what it is, never by what it is called."""

from __future__ import annotations

import re
from typing import Any

MOST_NUMBERS = 1024
"""Numbers in a row that are no picture yet: 32 x 32 grey pixels; an embedding has 512."""

MOST_LETTERS = 480
"""Letters of base64 or hexadecimal in a row that are no picture yet: 360 bytes."""

MOST_BYTES = 64
"""Bytes of a fixed-size column that are no picture yet: a digest."""

_LINE = 60  # letters of a line of wrapped base64, at least
_SPLIT = re.compile(r"[^A-Za-z0-9+/_=-]+")
_TOKEN = re.compile(r"[^\s,;|()\[\]{}]+")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)

_MAGIC = (
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"BM",
    b"II*\0",
    b"MM\0*",
    b"GIF8",
    b"\0\0\0\x0cJXL ",
    b"\0\0\0\x0cjP  ",
    b"\xff\x0a",
    b"\xff\x4f\xff\x51",
)


def is_picture(data: bytes) -> bool:
    """Whether bytes begin as an encoded picture does."""
    riff = data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    return riff or data[4:8] == b"ftyp" or data.startswith(_MAGIC)


def text_of(data: bytes) -> str | None:
    """Bytes as text; None where they are none."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def text_may_hold(text: str) -> bool:
    """Whether text may hold a picture: long base64 or hexadecimal, or very many numbers in a row.

    Lines of wrapped base64 count as one. Other encodings are not known.
    """
    run = 0
    for piece in _SPLIT.split(text):
        run = run + len(piece) if len(piece) >= _LINE else 0
        if run > MOST_LETTERS:
            return True
    run = 0
    for token in _TOKEN.finditer(text):
        run = run + 1 if _NUMBER.fullmatch(token[0]) else 0
        if run > MOST_NUMBERS:
            return True
    return False


def value_may_hold(value: Any) -> bool:
    """Whether a value of a row, of any nesting, may hold a picture.

    Args:
        value: plain Python, as pyarrow's ``to_pylist`` gives it.
    """
    numbers, waiting = 0, [value]
    while waiting:
        now = waiting.pop()
        if isinstance(now, str):
            if text_may_hold(now):
                return True
        elif isinstance(now, (bytes, bytearray, memoryview)):
            if len(now) > MOST_BYTES:
                return True
        elif isinstance(now, dict):
            waiting += [*now.keys(), *now.values()]
        elif isinstance(now, (list, tuple)):
            waiting += now
        elif isinstance(now, (int, float)):
            numbers += 1
            if numbers > MOST_NUMBERS:
                return True
    return False


def type_may_hold(kind: Any) -> bool:
    """Whether a column of that Arrow type may hold a picture, whatever is in it.

    True for bytes of any kind at any depth, and for lists of a fixed length that has room for one.
    Text and lists are looked at value by value (:func:`value_may_hold`).
    """
    import pyarrow as pa

    types = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return type_may_hold(kind.storage_type)
    if types.is_fixed_size_binary(kind):
        return bool(kind.byte_width > MOST_BYTES)
    if types.is_dictionary(kind):
        return type_may_hold(kind.value_type)
    if "binary" in str(kind).split("<")[0]:  # large ones and views too
        return True
    if types.is_fixed_size_list(kind) and kind.list_size > MOST_NUMBERS:
        return True
    if kind.num_fields:
        return any(type_may_hold(kind.field(i).type) for i in range(kind.num_fields))
    return False
