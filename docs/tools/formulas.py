"""MkDocs hook: formulas as MathML, made while the site is built.

Browsers show MathML by themselves, so that no script (MathJax, KaTeX) has to be fetched or run.
"""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from latex2mathml.converter import convert

_INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
_TAG = re.compile(r"\\tag\{(.*?)\}")
_BLOCK = re.compile(r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>', re.DOTALL)


def on_page_content(html: str, **_: Any) -> str:
    """Replace the LaTeX that ``pymdownx.arithmatex`` marked."""
    return with_mathml(html)


def with_mathml(html: str) -> str:
    r"""HTML with MathML in place of ``\(...\)`` and ``\[...\]`` in Arithmatex's elements."""
    html = _BLOCK.sub(lambda m: _block(m[1]), html)
    return _INLINE.sub(lambda m: _mathml(m[1], "inline"), html)


def _block(latex: str) -> str:
    tag = _TAG.search(latex)  # latex2mathml would put the number right behind the formula
    number = f'<span class="number">({tag[1]})</span>' if tag else ""
    return f'<div class="formula">{_mathml(_TAG.sub("", latex), "block")}{number}</div>'


def _mathml(latex: str, display: str) -> str:
    return str(convert(unescape(latex).strip(), display=display))
