"""The folders of the 2019 Keras re-implementation (Marino & Pepe), and writing them.

Of CelebA: ``{train,validation,test}/{female,male}`` with the originals, ``prototype`` with the mean
faces, and ``generated/{female,male}/{SM,NT,OP}`` with the three outputs of the test faces under the
originals' names (report, sections 3.1 and 5; their code calls the second part ``valid``).

Of LFW: ``{female,male}/{OR_1,OR_2,SM,NT,OP}``, two different photos of each person and the three
outputs, made of ``OR_1``, all five under the person's name. Their protocol compares ``OR_2`` with
each of the others.

Theirs are JPEG files. Outputs are written as PNG here, which their code reads as well and which
does not change what was protected.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from faceveil.errors import OptionError
from faceveil.imaging.encode import write_atomic
from faceveil.types import Float32Array, Uint8Array

KINDS = ("SM", "NT", "OP")


def pairs(
    identity: NDArray[np.int64], male: Float32Array, each: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Two photos of each of up to ``each`` men and ``each`` women; their protocol takes 200.

    Args:
        identity: (N,) who is shown.
        male: (N,) labels.
        each: most people of either gender.

    Returns:
        Rows of the first and of the second photo, (K,) each, women first.
    """
    first, second = [], []
    for side in (0, 1):
        taken = 0
        for person in np.unique(identity[male == side]):
            rows = np.flatnonzero((identity == person) & (male == side))
            if len(rows) > 1 and taken < each:
                first.append(rows[0])
                second.append(rows[1])
                taken += 1
    return np.array(first, np.int64), np.array(second, np.int64)


def file_names(sources: Sequence[str], rows: Sequence[int], *, people: bool = False) -> list[str]:
    """A distinct file name without suffix for each row of a pack.

    Args:
        sources: (N,) the pack's column ``source``; empty where it has none.
        rows: which rows.
        people: LFW's people where the sources are its photos: ``Aaron_Eckhart_0001.jpg`` is
            ``Aaron_Eckhart``.

    Returns:
        The person, or the source with its folders joined by ``_``, or, unless these are all
        distinct, the row's number.
    """
    names = [Path(sources[r]).with_suffix("").as_posix().replace("/", "_") for r in rows if sources]
    persons = [name.rpartition("_") for name in names]
    if people and all(p and d.isdigit() and len(d) == 4 for p, _, d in persons):
        known = [p for p, _, _ in persons]
        names = known if len(set(known)) == len(known) else names
    distinct = len(names) == len(rows) == len(set(names))
    return names if distinct else [f"{r:07d}" for r in rows]


def write_pairs(
    folder: Path,
    first: Uint8Array,
    second: Uint8Array,
    outputs: Mapping[str, Uint8Array],
    male: Float32Array,
    names: Sequence[str],
) -> int:
    """Write LFW's layout as PNG files, each whole or not at all.

    Args:
        folder: where ``female`` and ``male`` go; it must not hold them yet.
        first: (K, H, W[, 3]) originals that the outputs were made of.
        second: (K, H, W[, 3]) other originals of the same people.
        outputs: ``SM``, ``NT`` and ``OP``, each of the shape of ``first``.
        male: (K,) labels.
        names: (K,) distinct names without suffix.

    Returns:
        Number of files.

    Raises:
        OptionError: if the folder holds such files already, or the inputs do not fit.
        OutputError: if a file cannot be written.
    """
    pictures = {"OR_1": first, "OR_2": second, **_checked(outputs)}
    return _write(folder, ("female", "male"), "{side}/{kind}", pictures, male, names)


def write_generated(
    folder: Path, outputs: Mapping[str, Uint8Array], male: Float32Array, names: Sequence[str]
) -> int:
    """Write CelebA's outputs, ``generated/{female,male}/{SM,NT,OP}``; see :func:`write_pairs`."""
    return _write(folder, ("generated",), "generated/{side}/{kind}", _checked(outputs), male, names)


def write_part(
    folder: Path, part: str, images: Uint8Array, male: Float32Array, names: Sequence[str]
) -> int:
    """Write CelebA's originals, ``PART/{female,male}``; see :func:`write_pairs`.

    Args:
        folder: where the part goes.
        part: ``train``, ``validation`` or ``test``.
        images: (K, H, W[, 3]).
        male: (K,) labels.
        names: (K,) distinct names without suffix.
    """
    if part not in ("train", "validation", "test"):
        raise OptionError(f"part: got {part!r}; expected train, validation or test")
    return _write(folder, (part,), "{kind}/{side}", {part: images}, male, names)


def write_prototypes(folder: Path, female: Float32Array, male: Float32Array, share: float) -> int:
    """Write ``prototype/{female,male,neutral}.jpg``, the names that their code opens.

    Args:
        folder: where ``prototype`` goes; it must not be there yet.
        female: (H, W, 3) mean face in [0, 1].
        male: likewise.
        share: of men, the neutral one's weight of ``male``.
    """
    if (folder / "prototype").exists():
        raise OptionError(f"{folder / 'prototype'}: is there already; name another --output")
    faces = {"female": female, "male": male, "neutral": share * male + (1 - share) * female}
    for name, face in faces.items():
        pixels = np.rint(face * 255).astype(np.uint8)[..., ::-1]
        data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 100])[1]
        write_atomic(data.tobytes(), folder / "prototype" / f"{name}.jpg")
    return len(faces)


def _checked(outputs: Mapping[str, Uint8Array]) -> dict[str, Uint8Array]:
    if set(outputs) != set(KINDS):
        raise OptionError(f"outputs: got {', '.join(sorted(outputs))}; expected {', '.join(KINDS)}")
    return dict(outputs)


def _write(
    folder: Path,
    parts: Sequence[str],
    place: str,
    pictures: Mapping[str, Uint8Array],
    male: Float32Array,
    names: Sequence[str],
) -> int:
    """Pictures (K, H, W[, 3]) by kind to ``folder / place``; returns the number of files."""
    sizes = {len(male), len(names), len(set(names))} | {len(x) for x in pictures.values()}
    if len(sizes) != 1:
        raise OptionError("layout: pictures, labels and names differ in number, or a name repeats")
    for part in parts:
        if (folder / part).exists():
            raise OptionError(f"{folder / part}: is there already; name another --output")
    written = 0
    for i, name in enumerate(names):
        side = "male" if male[i] > 0.5 else "female"
        for kind, images in pictures.items():
            picture = images[i]
            bgr = picture if picture.ndim == 2 else picture[..., ::-1]
            target = folder / place.format(side=side, kind=kind) / f"{name}.png"
            write_atomic(cv2.imencode(".png", bgr)[1].tobytes(), target)
            written += 1
    return written
