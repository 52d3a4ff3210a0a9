"""MkDocs hook: docstrings' Sphinx roles as plain code, since mkdocstrings reads Markdown."""

from __future__ import annotations

import re
from typing import Any

_ROLE = re.compile(r":(?:func|class|mod|meth|attr|data):<code>[~.]?([^<]*)</code>")


def on_page_content(html: str, **_: Any) -> str:
    """``:func:`faceveil.check``` as ``faceveil.check`` in code type."""
    return without_roles(html)


def without_roles(html: str) -> str:
    """HTML in which a role before a name in code type is gone."""
    return _ROLE.sub(r"<code>\1</code>", html)
