"""Who tries to read gender from protected faces: how an attack is measured, and the weak ones.

An adversary is a function of a case that gives scores (N,) which grow with P(male), by variant (a
judge, a classifier). It has no label of the faces that it attacks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import cv2
import numpy as np

from faceveil.errors import OptionError
from faceveil.evaluation.case import Case
from faceveil.evaluation.metrics import gender
from faceveil.evaluation.metrics.intervals import percentile, weighted_auc
from faceveil.evaluation.rows import Recorder
from faceveil.evaluation.sets import FaceSet
from faceveil.types import Float32Array, Uint8Array

Adversary = Callable[[Case], Mapping[str, Float32Array]]


def attack(name: str, adversary: Adversary, case: Case, record: Recorder) -> None:
    """Let an adversary read, and measure it with the true labels: AUC, its interval, and EER.

    Args:
        name: of the adversary.
        adversary: what reads.
        case: what it is given.
        record: where the figures go; a gap where it fails.
    """
    record.guarded("gender", "all", name, partial(_attack, name, adversary, case, record))


def _attack(name: str, adversary: Adversary, case: Case, record: Recorder) -> None:
    labels = case.faces.male
    for variant, scores in adversary(case).items():
        if scores.shape != labels.shape:
            raise OptionError(
                f"{name}, {variant}: got scores of shape {scores.shape}; expected {labels.shape}"
            )
        auc, eer = gender.auc(scores, labels), gender.eer(scores, labels)
        span = percentile(weighted_auc(scores, labels, case.weights))
        record.add("gender", variant, "AUC", auc, adversary=name, low=span.low, high=span.high)
        record.add("gender", variant, "EER", eer, adversary=name)


def own_faces(case: Case) -> FaceSet:
    """The adversary's own faces, which can be learned from.

    Raises:
        OptionError: if there are not two faces or more of each gender, or if faces and labels
            differ in number.
    """
    faces = 0 if case.own is None else len(case.own.crops)
    labels = 0 if case.own is None else len(case.own.male)
    if faces != labels:
        raise OptionError(f"own faces: got {faces} and {labels} labels; expected one label a face")
    male = 0 if case.own is None else int(np.count_nonzero(case.own.male))
    if case.own is None or min(male, faces - male) < 2:
        raise OptionError(
            f"own faces: got {male} male and {faces - male} female; expected two or more of each; "
            "give the adversary labelled faces"
        )
    return case.own


def flip(case: Case) -> dict[str, Float32Array]:
    """1 - P(male) by judge, for who knows that faces were moved to the opposite gender.

    A protector that moves a judge beyond chance gives the gender away to this adversary.
    """
    found = case.p_male(case.protected, case.views)
    return {judge: np.asarray(1 - p, np.float32) for judge, p in found.items()}


def averaging(case: Case) -> dict[str, Float32Array]:
    """Mean answer over several protected versions of a face, and the answer for the mean picture.

    For who can have the same unprotected face protected again and again, as Ens-Gibbs or random
    targets allow where the choice is not fixed by the picture.

    Returns:
        By ``scores/judge`` and ``pictures/judge``; nothing where all versions are the same.

    Raises:
        OptionError: if a version's shape is not that of the faces.
    """
    total = case.protected.astype(np.uint16)  # sums of up to 257 versions
    answers: list[Mapping[str, Float32Array]] = []
    different = False
    for version in case.again:
        if version.shape != case.protected.shape:
            raise OptionError(
                f"averaging: got a version of shape {version.shape}; expected "
                f"{case.protected.shape}, the same faces in the same order"
            )
        different |= not np.array_equal(version, case.protected)
        total += version
        answers.append(case.p_male(version))
    if not different:
        return {}
    answers.append(case.p_male(case.protected))
    found = {
        f"scores/{judge}": np.asarray(np.mean([a[judge] for a in answers], axis=0), np.float32)
        for judge in answers[0]
    }
    mean = np.asarray(np.rint(total / np.float32(len(answers))), np.uint8)
    return {**found, **case.p_male(mean, prefix="pictures/")}


def _denoise(face: Uint8Array) -> Uint8Array:
    return np.asarray(cv2.bilateralFilter(face, 7, 30, 3), np.uint8)


def _jpeg(face: Uint8Array, quality: int) -> Uint8Array:
    if face.ndim == 3:  # OpenCV's order is BGR
        data = cv2.imencode(".jpg", face[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[..., ::-1]
    data = cv2.imencode(".jpg", face, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)


def _blur(face: Uint8Array) -> Uint8Array:
    return np.asarray(cv2.GaussianBlur(face, (0, 0), 2.5), np.uint8)


def _resize(face: Uint8Array) -> Uint8Array:
    small = cv2.resize(face, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, face.shape[1::-1], interpolation=cv2.INTER_CUBIC), np.uint8)


def _inpaint(face: Uint8Array) -> Uint8Array:
    """Every other 4x4 cell of a fixed chessboard is painted from its neighbours."""
    y, x = np.indices(face.shape[:2]) // 4
    mask = np.asarray((x + y) % 2 * 255, np.uint8)
    return np.asarray(cv2.inpaint(face, mask, 3, cv2.INPAINT_TELEA), np.uint8)


def _superres(face: Uint8Array) -> Uint8Array:
    """Shrinking, Lanczos enlargement and an unsharp mask, for want of a network's weights."""
    small = cv2.resize(face, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    large = cv2.resize(small, face.shape[1::-1], interpolation=cv2.INTER_LANCZOS4)
    soft = cv2.GaussianBlur(large, (0, 0), 2.0)
    return np.asarray(cv2.addWeighted(large, 1.6, soft, -0.6, 0), np.uint8)


OPERATIONS: Mapping[str, Callable[[Uint8Array], Uint8Array]] = {
    "denoise": _denoise,
    "jpeg": partial(_jpeg, quality=50),
    "jpeg75": partial(_jpeg, quality=75),
    "blur": _blur,
    "resize": _resize,
    "inpaint": _inpaint,
    "superres": _superres,
}
"""Each takes and gives one crop (224, 224[, 3]) uint8."""


def recovery(case: Case) -> dict[str, Float32Array]:
    """P(male) of cleaned pictures by ``operation/judge`` (PrivacyProber's idea).

    For who suspects that something was added to the picture, and cleans it before classifying.
    """
    found: dict[str, Float32Array] = {}
    for operation, clean in OPERATIONS.items():
        cleaned = np.stack([clean(face) for face in case.protected])
        views = {m: np.stack([clean(v) for v in view]) for m, view in case.views.items()}
        found |= case.p_male(cleaned, views, f"{operation}/")
    return found
