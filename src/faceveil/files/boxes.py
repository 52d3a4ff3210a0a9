"""Boxes of faces as JSON: what ``faceveil detect --json`` prints, and ``--boxes`` reads.

An object of photos by name; each is a list of faces, or an object with ``faces`` and, as detect
prints them, ``doubtful``, ``width`` and ``height``. A face is ``[x0, y0, x1, y1]``, or an object
with ``box`` and, where they are known, five ``landmarks``.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from faceveil.errors import OptionError
from faceveil.files.paths import shown
from faceveil.imaging.search import Sight
from faceveil.protect.given import MOST_FACES, GivenFace, GivenPhoto
from faceveil.types import Face

MOST_BYTES = 64 << 20
"""Size of the largest file of boxes that is read."""

_PHOTO_KEYS = frozenset({"faces", "doubtful", "width", "height"})
_FACE_KEYS = frozenset({"box", "landmarks", "number", "score"})


def face_values(face: Face) -> dict[str, Any]:
    """Where a face is, as plain values of JSON."""
    return {
        "number": face.number,
        "box": [round(float(v), 1) for v in face.box],
        "score": round(float(face.score), 4),
        "landmarks": [[round(float(v), 1) for v in point] for point in face.landmarks],
    }


def photo_values(sight: Sight, size: tuple[int, int]) -> dict[str, Any]:
    """What was found in a photo of (width, height), as plain values of JSON."""
    return {
        "width": size[0],
        "height": size[1],
        "faces": [face_values(face) for face in sight.faces],
        "doubtful": [face_values(face) for face in sight.doubtful],
    }


def read_boxes(path: Path) -> dict[str, GivenPhoto]:
    """The photos of a file of boxes, by the names that it gives them.

    Raises:
        OptionError: if it cannot be read, or is none.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise OptionError(
            f"--boxes {shown(path)}: cannot be read: {os.strerror(error.errno or 0)}"
        ) from error
    if len(data) > MOST_BYTES:
        raise OptionError(f"--boxes {shown(path)}: more than {MOST_BYTES >> 20} MiB")
    try:
        photos = parse_json(data)
    except OptionError as error:
        raise OptionError(f"--boxes {shown(path)}: {error}") from error
    if not isinstance(photos, dict):
        raise OptionError(f"--boxes {shown(path)}: expected a JSON object of photos by name")
    return {name: photo_of(entry, f"--boxes {shown(name)}") for name, entry in photos.items()}


def parse_json(text: str | bytes) -> Any:
    """A value of JSON.

    Raises:
        OptionError: if it is none.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        why = " ".join(str(error).split())
        raise OptionError(
            f"no JSON ({why}); expected what faceveil detect --json prints"
        ) from error


def photo_of(entry: Any, name: str) -> GivenPhoto:
    """What the caller knows of one photo.

    Args:
        entry: as parsed from JSON.
        name: of the photo, for complaints.

    Raises:
        OptionError: if it is no list of faces, and no object with one.
    """
    if isinstance(entry, list):
        entry = {"faces": entry}
    if not isinstance(entry, dict) or "faces" not in entry:
        raise OptionError(f"{name}: expected a list of boxes, or an object with faces")
    _no_other(entry, _PHOTO_KEYS, name)
    size: tuple[int, int] | None = None
    if "width" in entry or "height" in entry:
        width, height = entry.get("width"), entry.get("height")
        if type(width) is not int or type(height) is not int or min(width, height) < 1:
            raise OptionError(f"{name}: width {width!r}, height {height!r}; expected pixels")
        size = width, height
    return GivenPhoto(
        _faces_of(entry["faces"], f"{name}: faces"),
        _faces_of(entry.get("doubtful", []), f"{name}: doubtful"),
        size,
    )


def by_source(given: Mapping[str, GivenPhoto], sources: Sequence[Path]) -> dict[Path, GivenPhoto]:
    """Which photo each name means.

    A name is a photo's path, or as much of its end as tells it apart: ``ann/1.jpg`` or ``1.jpg``.

    Raises:
        OptionError: if a name means no photo or several, or a photo has two names.
    """
    found: dict[Path, str] = {}
    ends: dict[tuple[str, ...], list[Path]] = {}
    for source in sources:
        parts = Path(os.path.abspath(source)).parts
        for k in range(len(parts)):
            ends.setdefault(parts[k:], []).append(source)
    for name in given:
        whole = Path(os.path.abspath(name)).parts
        meant = ends.get(whole) or ends.get(Path(os.path.normpath(name)).parts) or []
        if not meant:
            raise OptionError(f"--boxes: {shown(name)} is no photo of this run; correct the name")
        if len(meant) > 1:
            raise OptionError(
                f"--boxes: {shown(name)} may be {shown(meant[0])} or {shown(meant[1])}; "
                "expected more of the path"
            )
        if meant[0] in found:
            raise OptionError(
                f"--boxes: {shown(name)} and {shown(found[meant[0]])} are one photo; name it once"
            )
        found[meant[0]] = name
    return {source: given[name] for source, name in found.items()}


def _faces_of(values: Any, name: str) -> tuple[GivenFace, ...]:
    if not isinstance(values, list) or len(values) > MOST_FACES:
        raise OptionError(f"{name}: expected a list of at most {MOST_FACES} faces")
    return tuple(_face_of(value, f"{name} {i}") for i, value in enumerate(values))


def _face_of(value: Any, name: str) -> GivenFace:
    if isinstance(value, list):
        value = {"box": value}
    if not isinstance(value, dict) or "box" not in value:
        raise OptionError(f"{name}: expected [x0, y0, x1, y1], or an object with box")
    _no_other(value, _FACE_KEYS, name)
    x0, y0, x1, y1 = _numbers(value["box"], 4, f"{name}: box")
    points = value.get("landmarks")
    if points is not None:
        if not isinstance(points, list) or len(points) != 5:
            raise OptionError(f"{name}: expected five landmarks [x, y]: eyes, nose, mouth corners")
        pairs = [_numbers(point, 2, f"{name}: landmarks") for point in points]
        points = tuple((x, y) for x, y in pairs)
    score = value.get("score", 1.0)
    (score,) = _numbers([score], 1, f"{name}: score")
    return GivenFace((x0, y0, x1, y1), points, score)


def _numbers(values: Any, count: int, name: str) -> list[float]:
    fit = isinstance(values, list) and len(values) == count
    if not fit or not all(type(v) in (int, float) and math.isfinite(v) for v in values):
        raise OptionError(f"{name}: got {values!r:.80}; expected {count} numbers")
    if any(abs(v) > 1e7 for v in values):
        raise OptionError(f"{name}: got {values!r:.80}; expected pixels of a photo")
    return [float(v) for v in values]


def _no_other(value: Mapping[str, Any], known: frozenset[str], name: str) -> None:
    other = sorted(set(value) - known)
    if other:
        raise OptionError(f"{name}: has {other[0]!r:.40}; expected {', '.join(sorted(known))}")
