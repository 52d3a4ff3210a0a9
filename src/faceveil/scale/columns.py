"""Which column of a table holds the images."""

from __future__ import annotations

from typing import Any

from faceveil.errors import OptionError
from faceveil.files.paths import shown


def image_column(schema: Any, column: str | None, name: str) -> str:
    """The column of images.

    Args:
        schema: of the file.
        column: what the user says; None for ``image``, or the only column that can be it.
        name: of the file, for the message.

    Raises:
        OptionError: if it is absent or no column of images, or another one holds images too.
    """
    structs = [field.name for field in schema if _is_image(field.type)]
    binary = [field.name for field in schema if _is_binary(field.type)]
    able = structs + binary
    if column is None:
        named = [c for c in able if c == "image"]
        column = (named or structs or binary or [""])[0]
        if not named and len(structs or binary) != 1:
            column = ""
    if column not in able:
        raise OptionError(
            f"{shown(name)}: no column to protect; it can be one of {able or 'none'} (encoded "
            "bytes, or a struct with them); state --image-column"
        )
    others = [c for c in structs if c != column]
    if others:
        raise OptionError(
            f"{shown(name)}: columns {others} hold images too, which would stay as they are; "
            "leave them out first"
        )
    return column


def _is_binary(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _is_image(kind: Any) -> bool:
    import pyarrow as pa

    if not pa.types.is_struct(kind):
        return False
    return any(field.name == "bytes" and _is_binary(field.type) for field in kind)
