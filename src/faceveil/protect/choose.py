"""Which faces of a photo are protected, and which are left: found, numbered, chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from faceveil.errors import DoubtfulFaceError, OptionError
from faceveil.imaging.crop import extract_crop
from faceveil.imaging.detect import Detector, face_numbers, numbered, sight_of
from faceveil.imaging.geometry import canonical_from_landmarks
from faceveil.imaging.search import Sight
from faceveil.types import Face, Uint8Array

Doubtful: TypeAlias = Literal["report", "protect", "fail"]
"""What becomes of places that may be faces: said and left, protected like faces, or an error."""


class People(Protocol):
    """Tells faces apart by who they are."""

    def wanted(self, crops: Uint8Array) -> NDArray[np.bool_]:
        """Which of these crops, (N, 224, 224, 3) uint8 RGB, are to be protected: (N,)."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """The faces of a photo, each once and with its number.

    Attributes:
        faces: what is to be protected.
        left: faces that were found and not chosen.
        doubtful: places that may be faces and were not chosen.
    """

    faces: tuple[Face, ...]
    left: tuple[Face, ...] = ()
    doubtful: tuple[Face, ...] = ()


def choose(
    rgb: Uint8Array,
    detector: Detector,
    which: str = "all",
    doubtful: Doubtful = "report",
    people: People | None = None,
    given: Sight | None = None,
) -> Chosen:
    """Find the faces of a photo, and choose those that are to be protected.

    Args:
        rgb: (H, W, 3) uint8 upright photo.
        detector: finds faces where none are given.
        which: ``all``, ``largest`` (by box area), or numbers such as ``0,2``; see
            :func:`faceveil.imaging.detect.numbered`.
        doubtful: what becomes of places that may be faces, where all are meant; by their number,
            which follows those of the faces, they can be chosen always.
        people: chooses by who they are, among those; all where None.
        given: what the caller knows of the photo, in place of the detector.

    Raises:
        OptionError: if ``which`` is none of these, or names a face that is not there.
        DoubtfulFaceError: if there are doubtful places, and that is to be an error.
    """
    sight = numbered(sight_of(detector, rgb) if given is None else given)
    faces, maybe = sight.faces, sight.doubtful
    if maybe and doubtful == "fail":
        few, many = "1 place may be a face,", f"{len(maybe)} places may be faces, the first"
        raise DoubtfulFaceError(
            f"{many if len(maybe) > 1 else few} near {_middle(maybe[0])}; look at it (faceveil "
            "detect), then choose doubtful protect or report"
        )
    numbers = face_numbers(which)
    if numbers:
        every = [*faces, *maybe]
        missing = [n for n in numbers if n >= len(every)]
        if missing and every:
            raise OptionError(
                f"faces: got {which!r}, the photo has {len(faces)}"
                + (f" and {len(maybe)} doubtful" if maybe else "")
                + f"; expected numbers from 0 to {len(every) - 1}, left to right"
            )
        taken = [face for face in every if face.number in numbers]
    elif which == "largest":
        taken = [max(faces, key=_area)] if faces else []
    else:
        taken = [*faces, *(maybe if doubtful == "protect" else ())]
    if people is not None and taken:
        crops = [extract_crop(rgb, canonical_from_landmarks(face.landmarks)) for face in taken]
        wanted = people.wanted(np.stack(crops))
        taken = [face for face, is_wanted in zip(taken, wanted, strict=True) if is_wanted]
    own = {face.number for face in taken}
    return Chosen(
        tuple(taken),
        tuple(face for face in faces if face.number not in own),
        tuple(face for face in maybe if face.number not in own),
    )


def _area(face: Face) -> float:
    return (face.box[2] - face.box[0]) * (face.box[3] - face.box[1])


def _middle(face: Face) -> str:
    x0, y0, x1, y1 = face.box
    return f"({(x0 + x1) / 2:.0f}, {(y0 + y1) / 2:.0f})"
