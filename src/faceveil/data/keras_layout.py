"""The folder layout of the 2019 Keras re-implementation (Marino & Pepe).

``generated/{female,male}/{SM,NT,OP}`` hold a face's three outputs; ``{female,male}/OR_1`` and
``{female,male}/OR_2`` hold two different photos of each person, all five under one name. The
outputs are made of ``OR_1``. Their protocol compares ``OR_2`` with each of the others.
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


def file_names(sources: Sequence[str], rows: Sequence[int]) -> list[str]:
    """A distinct file name without suffix for each row of a pack.

    Args:
        sources: (N,) the pack's column ``source``; empty where it has none.
        rows: which rows.

    Returns:
        The source with its folders joined by ``_``, or, unless these are all distinct, the row's
        number.
    """
    names = [Path(sources[r]).with_suffix("").as_posix().replace("/", "_") for r in rows if sources]
    distinct = len(names) == len(rows) == len(set(names))
    return names if distinct else [f"{r:07d}" for r in rows]


def write_keras_layout(
    folder: Path,
    first: Uint8Array,
    second: Uint8Array,
    outputs: Mapping[str, Uint8Array],
    male: Float32Array,
    names: Sequence[str],
) -> int:
    """Write the layout as PNG files, each whole or not at all.

    Args:
        folder: where ``generated``, ``female`` and ``male`` go; it must not hold them yet.
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
    if set(outputs) != set(KINDS):
        raise OptionError(f"outputs: got {', '.join(sorted(outputs))}; expected {', '.join(KINDS)}")
    sizes = {len(first), len(second), len(male), len(names), len(set(names))}
    if len(sizes | {len(x) for x in outputs.values()}) != 1:
        raise OptionError("layout: pictures, labels and names differ in number, or a name repeats")
    for part in ("generated", "female", "male"):
        if (folder / part).exists():
            raise OptionError(f"{folder / part}: is there already; name another --output")
    written = 0
    for i, name in enumerate(names):
        side = "male" if male[i] > 0.5 else "female"
        targets = {folder / "generated" / side / k: x[i] for k, x in outputs.items()}
        targets |= {folder / side / "OR_1": first[i], folder / side / "OR_2": second[i]}
        for target, picture in targets.items():
            bgr = picture if picture.ndim == 2 else picture[..., ::-1]
            write_atomic(cv2.imencode(".png", bgr)[1].tobytes(), target / f"{name}.png")
            written += 1
    return written
