"""``--sheet``: a page of faces before and after, those on which it did not work first.

One file that loads nothing. It shows faces as they were: keep it as safe as the originals.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from faceveil.cli.pairs import Checked, summary
from faceveil.errors import PhotoError
from faceveil.files.paths import shown
from faceveil.imaging.decode import decode_photo, read_photo
from faceveil.imaging.photo import as_rgb
from faceveil.types import Face, Uint8Array

SIDE = 160
"""Side of a picture in pixels."""

_MARGIN = 0.25  # around the box, in sides of it

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.4 system-ui, sans-serif }
body { max-width: 72rem; margin: 2rem auto; padding: 0 1rem }
ul { list-style: none; padding: 0; display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(21rem, 1fr)) }
li { border: 1px solid #8886; border-left: .4rem solid #2a7f62; padding: .6rem .8rem }
li.bad { border-left-color: #b3261e }
img { margin: .4rem .4rem 0 0; vertical-align: top }
h2 { font-size: 1rem; margin: 0; overflow-wrap: anywhere }
p { margin: .3rem 0 0 }
"""


def sheet(rows: Sequence[Checked]) -> str:
    """The page: one entry a face, with both pictures and the verdict; what failed comes first.

    Args:
        rows: what came of each pair; photos are read again, since not all of them fit in memory.
    """
    entries = [entry for row in rows for entry in _entries(row)]
    entries.sort(key=lambda entry: entry[0])  # stable: otherwise as they came
    items = "\n".join(text for _, text in entries)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>FaceVeil: what became of each face</title><style>{_STYLE}</style></head>\n"
        f"<body><h1>What became of each face</h1><p>{html.escape(summary(rows))}</p>"
        "<p>This page shows the faces before protection: keep it as safe as the originals.</p>\n"
        f"<ul>\n{items}\n</ul></body></html>\n"
    )


def _entries(row: Checked) -> Iterator[tuple[int, str]]:
    """For each face 0 where it could not be checked, 1 where it did not work, else 2; its HTML."""
    name = html.escape(shown(row.pair.name))
    if row.result is None:
        yield 0, f'<li class="bad"><h2>{name}</h2><p>{html.escape(row.error)}</p></li>'
        return
    try:
        photos = [as_rgb(decode_photo(read_photo(p))) for p in _files(row)]
    except PhotoError as error:  # gone since it was checked
        yield 0, f'<li class="bad"><h2>{name}</h2><p>{html.escape(str(error))}</p></li>'
        return
    for number, (face, check) in enumerate(zip(row.result.faces, row.result.checks, strict=True)):
        pictures = "".join(
            f'<img src="{_picture(photo, face)}" alt="{when}" width="{SIDE}" height="{SIDE}">'
            for photo, when in zip(photos, ("before", "after"), strict=True)
        )
        kind = "" if check.passed else ' class="bad"'
        title = f"<h2>{name}, face {number}: {html.escape(check.label)}</h2>"
        yield (
            2 if check.passed else 1,
            f"<li{kind}>{title}{pictures}<p>{html.escape(check.verdict)}</p></li>",
        )


def _files(row: Checked) -> tuple[Path, Path]:
    return row.pair.original, row.pair.protected


def _picture(rgb: Uint8Array, face: Face) -> str:
    """The face with its surroundings as a data address; beyond the photo it is black."""
    x0, y0, x1, y1 = face.box
    half = max(x1 - x0, y1 - y0) * (0.5 + _MARGIN)
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    box = (round(x - half), round(y - half), round(x + half), round(y + half))
    cut = Image.fromarray(rgb).crop(box).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    cut.save(buffer, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
