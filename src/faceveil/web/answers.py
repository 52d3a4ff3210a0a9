"""What a call to protect is answered: a picture, JSON, or a zip with a report.

Names inside a zip hold nothing of a client's path, and nothing that a system trips over.
"""

from __future__ import annotations

import base64
import io
import json
import re
import unicodedata
import zipfile
from typing import Any

from fastapi import Response

from faceveil.errors import FaceVeilError
from faceveil.files.boxes import face_values
from faceveil.files.memory import memory_for
from faceveil.files.reports import face_to_dict
from faceveil.imaging.formats import FORMATS
from faceveil.web.engine import Done, Engine
from faceveil.web.errors import ApiError, as_api_error
from faceveil.web.form import Upload
from faceveil.web.options import ProtectFields
from faceveil.web.pool import Deadline

SUFFIXES = {name: kind.suffixes[0] for name, kind in FORMATS.items()}
MEDIA_TYPES = {name: kind.media_type for name, kind in FORMATS.items()}
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)


def safe_name(name: str, suffix: str, taken: set[str]) -> str:
    """A file name for a zip.

    Args:
        name: what the client called the file; may be anything.
        suffix: what the content is, such as ``.jpg``; the client's own is dropped.
        taken: names given so far, folded; the new one is added.

    Returns:
        One path component of letters, figures, ``-``, ``_``, blank and single dots, at most 90
        characters, not yet taken on systems that do not tell case.
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    stem = re.sub(r"\.[A-Za-z]{3,4}$", "", last)
    stem = "".join(c if c.isalnum() or c in "-_. " else "_" for c in stem)
    stem = re.sub(r"\.{2,}", ".", stem)[:80].strip(". ") or "photo"
    if _RESERVED.match(stem):
        stem = f"_{stem}"
    count, unique = 1, stem + suffix
    while unique.casefold() in taken:
        count += 1
        unique = f"{stem}-{count}{suffix}"
    taken.add(unique.casefold())
    return unique


def single_answer(
    engine: Engine, photo: Upload, options: ProtectFields, deadline: Deadline
) -> Response:
    """One photo: the picture itself, or JSON."""
    with memory_for(photo.data, max_pixels=engine.max_pixels):
        done = engine.protect(photo.data, options, deadline, photo.name)
    kind, picture = MEDIA_TYPES[done.format], done.picture
    if options.answer == "image":
        name = f"protected{SUFFIXES[done.format]}"
        disposition = f'attachment; filename="{name}"'
        return Response(picture, media_type=kind, headers={"Content-Disposition": disposition})
    body = {
        "media_type": kind,
        "image": base64.b64encode(picture).decode(),
        **_what_was_done(done),
    }
    return Response(json.dumps(body), media_type="application/json")


def _what_was_done(done: Done) -> dict[str, Any]:
    return {
        "faces": [face_to_dict(face) for face in done.faces],
        "left": [face_values(face) for face in done.chosen.left],
        "doubtful": [face_values(face) for face in done.chosen.doubtful],
        "check": None if done.check is None else done.check.to_dict(),
    }


def shown_name(name: str) -> str:
    """What the client called a file, without its folders and what cannot be printed."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    return "".join(c for c in last if c.isprintable())[:120]


def zip_answer(
    engine: Engine, photos: list[Upload], options: ProtectFields, deadline: Deadline
) -> Response:
    """Many photos: those that could be protected, and a report on all, in the order they came."""
    options.look_at_boxes([photo.name for photo in photos])
    engine.protector(options)  # what is wrong for all photos is no matter of one of them
    taken: set[str] = {"report.json"}
    report: list[dict[str, Any]] = []
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:  # photos are packed already
        for number, photo in enumerate(photos, 1):
            said: dict[str, Any]
            entry = {"number": number, "source": shown_name(photo.name)}
            try:
                with memory_for(photo.data, max_pixels=engine.max_pixels):
                    done: Done = engine.protect(photo.data, options, deadline, photo.name)
            except (FaceVeilError, ApiError) as error:
                problem = error if isinstance(error, ApiError) else as_api_error(error)
                if problem.code == "time_limit":
                    raise
                said = {"name": None, "code": problem.code, "message": problem.message}
                report.append(entry | said)
                continue
            name = safe_name(photo.name, SUFFIXES[done.format], taken)
            archive.writestr(name, done.picture)
            report.append(entry | {"name": name, "code": "ok"} | _what_was_done(done))
        archive.writestr("report.json", json.dumps({"files": report}, indent=1))
    disposition = 'attachment; filename="protected.zip"'
    return Response(
        buffer.getvalue(),
        media_type="application/zip",
        headers={"Content-Disposition": disposition},
    )
