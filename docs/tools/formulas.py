"""MkDocs hook: formulas as MathML, made while the site is built.

Browsers show MathML by themselves, so that no script (MathJax, KaTeX) has to be fetched or run.
"""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from latex2mathml.converter import convert

_INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
_BLOCK = re.compile(r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>', re.DOTALL)


def on_page_content(html: str, **_: Any) -> str:
    """Replace the LaTeX that ``pymdownx.arithmatex`` marked."""
    return with_mathml(html)


def with_mathml(html: str) -> str:
    r"""HTML with MathML in place of ``\(...\)`` and ``\[...\]`` in Arithmatex's elements."""
    html = _BLOCK.sub(lambda m: f'<div class="formula">{_mathml(m[1], "block")}</div>', html)
    return _INLINE.sub(lambda m: _mathml(m[1], "inline"), html)


def _mathml(latex: str, display: str) -> str:
    return str(convert(unescape(latex).strip(), display=display))
