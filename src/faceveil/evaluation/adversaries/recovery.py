"""Adversary 4, recovery: clean the picture first, then classify (PrivacyProber's idea).

Assumption: it is suspected that something was added to the picture. Without weights of a
super-resolution network, ``superres`` stands for it by shrinking, Lanczos enlargement and an
unsharp mask.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from faceveil.errors import OptionError
from faceveil.evaluation.adversaries.base import AttackResult, Scene, by_judges
from faceveil.types import Float32Array, Uint8Array


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


@dataclass(frozen=True, slots=True)
class Recovery:
    """Each operation, then each judge.

    Attributes:
        operations: names of :data:`OPERATIONS`.
    """

    operations: tuple[str, ...] = tuple(OPERATIONS)
    name: str = "recovery"
    assumption: str = "suspects that the picture was changed, and cleans it before classifying"

    def scores(self, scene: Scene) -> dict[str, Float32Array]:
        """P(male) by ``operation/judge``."""
        found: dict[str, Float32Array] = {}
        for operation in self.operations:
            if operation not in OPERATIONS:
                raise OptionError(
                    f"operation: got {operation!r}; expected one of {', '.join(OPERATIONS)}"
                )
            clean = OPERATIONS[operation]
            cleaned = np.stack([clean(face) for face in scene.targets])
            views = {m: np.stack([clean(v) for v in view]) for m, view in scene.views.items()}
            found |= by_judges(scene, cleaned, f"{operation}/", views)
        return found


def robustness(original: float, protected: AttackResult, recovered: AttackResult) -> float:
    """ARR: how much of the protection outlasts recovery; 1 all of it, 0 nothing.

    1 - (|AUC_rec - .5| - |AUC_prot - .5|) / (|AUC_orig - .5| - |AUC_prot - .5|).

    Args:
        original: AUC of the judge on the unprotected faces.
        protected: the judge on the protected faces.
        recovered: the judge on the cleaned ones.

    Raises:
        OptionError: if protection took nothing from the judge.
    """
    gaps = [abs(auc - 0.5) for auc in (original, protected.auc, recovered.auc)]
    if gaps[0] <= gaps[1]:
        raise OptionError(
            "robustness: the judge reads the protected faces as well; nothing to keep"
        )
    return 1 - (gaps[2] - gaps[1]) / (gaps[0] - gaps[1])


def recovered(
    original: Mapping[str, float],
    protected: Sequence[AttackResult],
    cleaned: Sequence[AttackResult],
) -> dict[str, float]:
    """:func:`robustness` by ``operation/judge``.

    Judges that protection took nothing from are left out.

    Args:
        original: AUC on the unprotected faces by judge.
        protected: results of ``zero-effort``.
        cleaned: results of ``recovery``.

    Raises:
        OptionError: if a judge of ``cleaned`` is not among the others.
    """
    before = {r.variant: r for r in protected}
    found = {}
    for result in cleaned:
        judge = result.variant.partition("/")[2]
        if judge not in before or judge not in original:
            raise OptionError(
                f"recovered: got {result.variant!r}; expected a judge that also read the originals "
                "and the protected faces"
            )
        if abs(original[judge] - 0.5) > abs(before[judge].auc - 0.5):
            found[result.variant] = robustness(original[judge], before[judge], result)
    return found
