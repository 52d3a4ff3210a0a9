"""Which column of a table holds the images, and which others may be copied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from faceveil.errors import OptionError
from faceveil.files.paths import shown
from faceveil.scale.pictures import type_may_hold, value_may_hold


def image_column(schema: Any, column: str | None, name: str, copied: Sequence[str] = ()) -> str:
    """The column of images.

    Args:
        schema: of the file.
        column: what the user says; None for ``image``, or the only column that can be it.
        name: of the file, for the message.
        copied: columns that the user vouches for; ``image.thumbnail`` is a field within one.

    Raises:
        OptionError: if it is absent or no column of images, or another one may hold images too.
    """
    structs = [field.name for field in schema if _is_image(field.type)]
    binary = [field.name for field in schema if _is_binary(field.type)]
    able = [c for c in structs + binary if c not in copied]
    if column is None:
        named = [c for c in able if c == "image"]
        first = [c for c in structs if c not in copied] or able
        column = (named or first or [""])[0]
        if not named and len(first) != 1:
            column = ""
    if column not in able:
        raise OptionError(
            f"{shown(name)}: no column to protect; it can be one of {able or 'none'} (encoded "
            "bytes, or a struct with them); state --image-column"
        )
    _check_others(schema, column, name, copied)
    return column


def _check_others(schema: Any, column: str, name: str, copied: Sequence[str]) -> None:
    """Refuse what would travel along unprotected.

    Raises:
        OptionError: naming it.
    """
    risky = [f.name for f in schema if f.name != column and type_may_hold(f.type)]
    kind = schema.field(column).type
    if _is_image(kind):
        fields = [kind.field(i) for i in range(kind.num_fields)]
        risky += [
            f"{column}.{f.name}" for f in fields if f.name != "bytes" and type_may_hold(f.type)
        ]
    risky = [c for c in risky if c not in copied]
    if risky:
        options = " ".join(f"--copy-column {c}" for c in risky)
        raise OptionError(
            f"{shown(name)}: columns {risky} may hold images too, which would stay as they are; "
            f"leave them out first, or vouch for them: {options}"
        )
    for key, value in (schema.metadata or {}).items():
        if value_may_hold(value.decode("utf-8", "replace")):
            raise OptionError(
                f"{shown(name)}: its metadata {shown(key.decode('utf-8', 'replace'))!r} may hold a "
                "picture; expected none; write the file again without it"
            )


def unvouched(row: dict[str, Any], column: str, copied: Sequence[str]) -> str | None:
    """The first column of a row whose value may hold a picture, besides the image itself.

    Args:
        row: the row as plain values.
        column: the column of images.
        copied: columns that the user vouches for.
    """
    for name, value in row.items():
        if name == column:
            if isinstance(value, dict):
                inner = {f"{column}.{k}": v for k, v in value.items() if k != "bytes"}
                found = unvouched(inner, "", copied)
                if found:
                    return found
        elif name not in copied and value_may_hold(value):
            return name
    return None


def _is_binary(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _is_image(kind: Any) -> bool:
    import pyarrow as pa

    if not pa.types.is_struct(kind):
        return False
    return any(field.name == "bytes" and _is_binary(field.type) for field in kind)
