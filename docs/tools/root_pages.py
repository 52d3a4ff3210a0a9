"""MkDocs hook: files of the repository's root as pages of the site, and links that fit both places.

On GitHub a page of ``docs/`` links to ``../SECURITY.md``; in the site that is ``security.md``.
Links to anything else outside of ``docs/`` (a recipe, a script) become its path in code type, since
the site holds no such file.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
PAGES = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "THIRD_PARTY.md": "third-party.md",
    "TRAINING.md": "training.md",
}
"""Files of the root and what they are called in the site."""

_LINK = re.compile(r"(?<!\!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
_FENCE = re.compile(r"^(?:```|~~~).*?^(?:```|~~~)\s*?$", re.MULTILINE | re.DOTALL)


def on_files(files: Files, config: Any) -> Files:
    """Add the pages of the root."""
    for name, page in PAGES.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Rewrite the links of one page."""
    folder = "." if page.file.src_uri in PAGES.values() else "docs"
    return rewritten(markdown, folder)


def rewritten(markdown: str, folder: str) -> str:
    """Links of a page for the site.

    Args:
        markdown: the page.
        folder: where it lies in the repository: ``docs``, or ``.`` for the root.

    Returns:
        The page with links that hold in the site; what stands in code fences is left alone.
    """
    parts, last = [], 0
    for fence in _FENCE.finditer(markdown):
        parts += [_LINK.sub(lambda m: _link(m, folder), markdown[last : fence.start()]), fence[0]]
        last = fence.end()
    return "".join(parts) + _LINK.sub(lambda m: _link(m, folder), markdown[last:])


def _link(match: re.Match[str], folder: str) -> str:
    text, target = match.groups()
    path, _, anchor = target.partition("#")
    if not path or "://" in target or target.startswith("mailto:"):
        return match[0]
    place = posixpath.normpath(posixpath.join(folder, path))
    after = f"#{anchor}" if anchor else ""
    if place in PAGES:
        return f"[{text}]({PAGES[place]}{after})"
    if place.startswith("docs/"):
        return f"[{text}]({place.removeprefix('docs/')}{after})"
    return text if f"`{place}`" in text else f"{text} (`{place}`)"
