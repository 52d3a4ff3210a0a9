"""Picture quality: how much protection changed the faces, and how natural they look."""

from __future__ import annotations

from functools import partial

import numpy as np

from faceveil.errors import OptionError
from faceveil.evaluation.case import Case
from faceveil.evaluation.metrics import quality
from faceveil.evaluation.metrics.niqe import NiqeModel, fit_pristine, niqe
from faceveil.evaluation.rows import Recorder
from faceveil.imaging.crop import grey_levels
from faceveil.types import Uint8Array

FIGURES = ("psnr", "ssim", "ms_ssim", "niqe")
"""What an evaluation can ask for beside the mean change."""

MOST_FITTED = 400
"""Pictures that NIQE's model is fitted on; more move it by less than its third digit."""


def pictures(case: Case, record: Recorder) -> None:
    """Mean absolute change always, and what else is wanted of :data:`FIGURES`, of luma.

    In photos a judge's own crops of before and after do not lie pixel on pixel: there, the share of
    faces that are no longer found in place of all that compares, and NIQE, which looks at one
    picture.
    """
    if case.lost is not None:
        record.add("quality", "", "faces no longer found", case.lost / len(case.faces.crops))
    else:
        _compare(case, record)
    if "niqe" in case.quality:
        record.guarded("quality", "", "", partial(_naturalness, case, record), "NIQE")


def _compare(case: Case, record: Recorder) -> None:
    before, after = case.faces.crops, case.protected
    record.add("quality", "", "mean change", quality.mean_absolute_change(before, after))
    pairs = list(zip(grey_levels(before), grey_levels(after), strict=True))
    if "psnr" in case.quality:
        changed = [quality.psnr(a, b) for a, b in pairs if not np.array_equal(a, b)]
        if changed:  # the PSNR of equal pictures is infinite
            record.add("quality", "", "PSNR", float(np.mean(changed)), n=len(changed))
    for name, metric, value in (
        ("ssim", "SSIM", quality.ssim),
        ("ms_ssim", "MS-SSIM", quality.ms_ssim),
    ):
        if name in case.quality:
            record.add("quality", "", metric, float(np.mean([value(a, b) for a, b in pairs])))


def _naturalness(case: Case, record: Recorder) -> None:
    """NIQE, the mean over the faces."""
    if case.pristine is None:
        raise OptionError("NIQE: got no model of natural pictures; expected one; name a set")
    model, words = case.pristine()
    values = [niqe(picture, model) for picture in grey_levels(case.protected)]
    record.add("quality", "", "NIQE", float(np.mean(values)), note=words)


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
