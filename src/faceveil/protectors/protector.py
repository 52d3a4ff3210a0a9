"""The object that users hold: photos and crops in, protected photos and crops out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from faceveil.errors import OptionError
from faceveil.imaging.crop import luma
from faceveil.imaging.detect import Detector
from faceveil.imaging.geometry import CROP_SIZE
from faceveil.protectors.base import CropProtector
from faceveil.protectors.estimator import GenderEstimator
from faceveil.protectors.targets import checked_strength, numeric_targets
from faceveil.types import Target, Uint8Array


class Protector:
    """Protects photos and crops with one method.

    Made by :func:`faceveil.load_protector`. Holds models only, no state of photos: safe to share
    between threads.

    Args:
        crop_protector: the method.
        estimator: reads the gender that protection starts from where it is not given.
        detector: finds faces in photos.
    """

    def __init__(
        self, crop_protector: CropProtector, estimator: GenderEstimator, detector: Detector
    ) -> None:
        self.crop_protector = crop_protector
        self.estimator = estimator
        self.detector = detector

    @property
    def name(self) -> str:
        """The method's name."""
        return self.crop_protector.name

    def protect_crops(
        self,
        crops: Uint8Array,
        genders: Sequence[int] | Uint8Array | None = None,
        *,
        target: Target = "opposite",
        strength: float = 1.0,
        seed: int = 0,
    ) -> Uint8Array:
        """Protect canonical crops.

        Args:
            crops: (N, 224, 224) grey or (N, 224, 224, 3) RGB uint8, in the canonical frame.
            genders: (N,) of 0 female, 1 male; None to estimate them.
            target: what they should read as, relative to their own gender.
            strength: 0 leaves the crops as they are, 1 is the full change.
            seed: decides ``target="random"``.

        Returns:
            The shape of ``crops``, uint8. RGB crops keep their colour: all channels get the change
            of luma.

        Raises:
            OptionError: if a shape, type or value is not as above.
        """
        strength = checked_strength(strength)
        _check_crops(crops)
        if len(crops) == 0:
            return crops.copy()
        grey = crops.astype(np.float32) / 255 if crops.ndim == 3 else luma(crops)
        male = self._genders(genders, grey)
        wanted = numeric_targets(male, target, crops, seed)
        change = strength * (self.crop_protector.protect(grey, male, wanted, None) - grey)
        change = change if crops.ndim == 3 else change[..., None]
        return np.clip(np.rint(crops + change * 255), 0, 255).astype(np.uint8)

    def _genders(
        self, genders: Sequence[int] | Uint8Array | None, grey: np.ndarray
    ) -> np.ndarray:
        if genders is None:
            return (self.estimator.p_male(grey) >= 0.5).astype(np.float32)
        given = np.asarray(genders)
        if given.shape != (len(grey),) or not np.isin(given, (0, 1)).all():
            raise OptionError(
                f"genders: got {given.tolist() if given.size < 9 else given.shape}; expected "
                f"{len(grey)} values of 0 (female) or 1 (male), or None"
            )
        return given.astype(np.float32)


def _check_crops(crops: Uint8Array) -> None:
    good = isinstance(crops, np.ndarray) and crops.dtype == np.uint8
    side = (CROP_SIZE, CROP_SIZE)
    good = good and crops.ndim in (3, 4) and crops.shape[1:3] == side
    if not good or (crops.ndim == 4 and crops.shape[3] != 3):
        got = f"{getattr(crops, 'dtype', type(crops).__name__)} {getattr(crops, 'shape', '')}"
        raise OptionError(
            f"crops: got {got}; expected uint8 (N, 224, 224) or (N, 224, 224, 3); "
            "for photos use protect_photo"
        )


__all__ = ["Path", "Protector"]
