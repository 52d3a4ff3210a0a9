"""What adversaries ask of their inputs before they use them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from faceveil.errors import OptionError

if TYPE_CHECKING:
    from faceveil.evaluation.adversaries.base import Scene


def check_own(scene: Scene) -> None:
    """The adversary's own faces can be learned from.

    Raises:
        OptionError: if there are not two faces or more of each gender, or if faces and labels
            differ in number.
    """
    faces, labels = len(scene.own), len(scene.own_male)
    if faces != labels:
        raise OptionError(f"own faces: got {faces} and {labels} labels; expected one label a face")
    male = int(np.count_nonzero(scene.own_male))
    if min(male, faces - male) < 2:
        raise OptionError(
            f"own faces: got {male} male and {faces - male} female; expected two or more of each; "
            "give the adversary labelled faces"
        )
