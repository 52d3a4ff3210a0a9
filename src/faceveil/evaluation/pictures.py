"""Picture quality: how much protection changed the crops, and how natural they look."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from faceveil.errors import OptionError
from faceveil.evaluation.metrics import quality
from faceveil.evaluation.metrics.ms_ssim import ms_ssim
from faceveil.evaluation.metrics.niqe import NiqeModel, fit_pristine, niqe
from faceveil.evaluation.recorder import Recorder
from faceveil.imaging.crop import grey_levels
from faceveil.types import Uint8Array

Pristine = Callable[[], tuple[NiqeModel, str]]
"""Fits NIQE's model of natural pictures when asked, and says on what."""

MOST_FITTED = 400
"""Pictures that NIQE's model is fitted on; more move it by less than its third digit."""


def compare_pictures(
    record: Recorder, before: Uint8Array, after: Uint8Array, wanted: Sequence[str]
) -> None:
    """Mean absolute change always, and what else is wanted of PSNR, SSIM and MS-SSIM, of luma.

    Args:
        record: where the figures go.
        before: (N, 224, 224[, 3]) uint8 originals.
        after: the same faces, protected, pixel on pixel.
        wanted: of ``psnr``, ``ssim``, ``ms_ssim``.
    """
    change = quality.mean_absolute_change(before, after)
    record.add("quality", "", "mean change", change)
    pairs = list(zip(grey_levels(before), grey_levels(after), strict=True))
    if "psnr" in wanted:
        changed = [quality.psnr(a, b) for a, b in pairs if not np.array_equal(a, b)]
        if changed:  # the PSNR of equal pictures is infinite
            record.add("quality", "", "PSNR", float(np.mean(changed)), n=len(changed))
    for name, metric, value in (("ssim", "SSIM", quality.ssim), ("ms_ssim", "MS-SSIM", ms_ssim)):
        if name in wanted:
            record.add("quality", "", metric, float(np.mean([value(a, b) for a, b in pairs])))


def pristine_of(crops: Uint8Array, name: str, block: int) -> tuple[NiqeModel, str]:
    """NIQE's model of natural pictures, fitted on unprotected faces.

    Args:
        crops: (N, 224, 224[, 3]) uint8.
        name: of their set.
        block: side of NIQE's blocks in pixels.

    Returns:
        The model, and in words what it was fitted on.
    """
    rows = np.unique(np.linspace(0, len(crops) - 1, min(len(crops), MOST_FITTED)).astype(int))
    model = fit_pristine(list(grey_levels(crops[rows])), block)
    return model, f"{block} px blocks, fitted on {len(rows)} originals of {name}"


def naturalness(record: Recorder, crops: Uint8Array, pristine: Pristine | None) -> None:
    """NIQE, the mean over the crops; a gap where the model cannot be fitted.

    Args:
        record: where the figure goes.
        crops: (N, 224, 224[, 3]) uint8, protected.
        pristine: gives the model.
    """
    record.guarded("quality", "", "", partial(_naturalness, record, crops, pristine), "NIQE")


def _naturalness(record: Recorder, crops: Uint8Array, pristine: Pristine | None) -> None:
    if pristine is None:
        raise OptionError("NIQE: got no model of natural pictures; expected one; name a set")
    model, words = pristine()
    values = [niqe(picture, model) for picture in grey_levels(crops)]
    record.add("quality", "", "NIQE", float(np.mean(values)), note=words)
