"""Gender judges that want a square around the detected box on photos, not the canonical crop.

They were trained on what a detector cuts out, hair and all. Their card says so (``photo``). Where
only a canonical crop is at hand, the crop of the card stands for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from faceveil.imaging.crop import extract_crop
from faceveil.imaging.geometry import CROP_SIZE
from faceveil.judges.base import GenderJudge, JudgeInfo
from faceveil.judges.card import CropSpec, JudgeCard
from faceveil.judges.onnx_judge import OnnxGenderJudge
from faceveil.types import Face, Float32Array, Uint8Array

Views = Mapping[float, Uint8Array]
"""Square crops (N, 224, 224, 3) uint8 of the same faces, by the margin around the box."""


@dataclass(slots=True, eq=False)
class BoxedGenderJudge:
    """A gender judge with two ways to look.

    Attributes:
        info: who it is.
        card: its card.
        margin: around the detected box, in sides of the square.
        canonical: looks at canonical crops.
        square: looks at the whole of a square crop.
    """

    info: JudgeInfo
    card: JudgeCard
    margin: float
    canonical: GenderJudge
    square: GenderJudge

    def p_male(self, crops: Uint8Array) -> Float32Array:
        """P(male) from canonical crops; see :class:`faceveil.judges.base.GenderJudge`."""
        return self.canonical.p_male(crops)


def boxed(judge: GenderJudge, folder: Path | None, threads: int = 0) -> GenderJudge:
    """The judge as its card wants it on photos; itself where no card says anything of them.

    Args:
        judge: any gender judge.
        folder: where its model lies, if it is one of a folder of models.
        threads: threads inside one operator; 0 takes all cores.
    """
    photo = judge.card.photo if isinstance(judge, OnnxGenderJudge) else None
    if folder is None or photo is None or not isinstance(judge, OnnxGenderJudge):
        return judge
    whole = replace(judge.card, crop=CropSpec("canonical"))
    square = OnnxGenderJudge(whole, folder, threads=threads)
    return BoxedGenderJudge(judge.info, judge.card, photo.margin, judge, square)


def p_male(judge: GenderJudge, crops: Uint8Array, views: Views) -> Float32Array:
    """P(male) from what the judge wants to see, where it is at hand.

    Args:
        judge: any gender judge.
        crops: (N, 224, 224, 3) uint8 canonical crops.
        views: square crops of the same faces by margin; may be empty.

    Returns:
        (N,) float32 in [0, 1].
    """
    if isinstance(judge, BoxedGenderJudge) and judge.margin in views:
        return judge.square.p_male(views[judge.margin])
    return judge.p_male(crops)


def margins(judges: Sequence[GenderJudge]) -> tuple[float, ...]:
    """The margins that these judges ask for, each once."""
    return tuple(sorted({j.margin for j in judges if isinstance(j, BoxedGenderJudge)}))


def square_crop(rgb: Uint8Array, face: Face, margin: float) -> Uint8Array:
    """An upright square about the face's box.

    Args:
        rgb: (H, W, 3) uint8 photo.
        face: its box counts from the photo's border: (0, 0, W, H) is the whole photo.
        margin: added on each side, in units of the box's longer side.

    Returns:
        (224, 224, 3) uint8; beyond the photo its border is repeated.
    """
    x0, y0, x1, y1 = face.box
    side = max(x1 - x0, y1 - y0) * (1 + 2 * margin)
    left, top, scale = (x0 + x1 - side) / 2, (y0 + y1 - side) / 2, CROP_SIZE / side
    # Pixel centres lie half a pixel inside the border that boxes count from.
    shift = [(0.5 - start) * scale - 0.5 for start in (left, top)]
    return extract_crop(rgb, np.array([[scale, 0, shift[0]], [0, scale, shift[1]]]), CROP_SIZE)
