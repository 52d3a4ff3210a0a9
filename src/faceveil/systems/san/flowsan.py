"""FlowSAN at run time: SANs applied in sequence (FlowSAN eq. 7)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from faceveil.imaging.prototypes import prototype_warp
from faceveil.inference.device import Choice
from faceveil.protect.change import add_change, to_frame
from faceveil.systems.san.protector import SANNetwork
from faceveil.types import Float32Array, Float64Array, Target

DEFAULT_STAGES = 3
"""FlowSAN 4.1: three stages bring unseen classifiers to chance, more of them flip the label."""


class FlowSANProtector:
    """Protects grey canonical crops with SAN_1 ... SAN_n, each on the output of the one before.

    I'_0 is the face, I'_t = SAN_t(I'_{t-1}). Every stage gets the prototypes of the person's own
    gender and of the target, as in training. The stages work in the networks' frame; the change
    from I'_0 to I'_n is brought to the crop.

    Args:
        weights: ONNX files of the stages, in order, with their cards.
        choice: what the networks run on.

    Raises:
        ModelError: if a file or its card is missing, damaged, or of another kind.
    """

    channels = 1
    own_target: Target | None = "opposite"
    needs_gender = True
    replaces_face = False

    def __init__(self, weights: Sequence[Path], choice: Choice = Choice()) -> None:
        self.stages = [SANNetwork(path, choice) for path in weights]
        self.name = "flowsan"

    @property
    def runs_on(self) -> str:
        """What computes it."""
        return self.stages[0].runs_on

    def outputs(
        self,
        luma: Float32Array,
        male: Float32Array,
        target: Float32Array,
        landmarks: Float64Array | None = None,
    ) -> list[Float32Array]:
        """The whole sequence I'_1 ... I'_n, each (N, 224, 224) in [0, 1]; arguments as below."""
        if len(luma) == 0:
            return [luma.copy() for _ in self.stages]
        small = faces = to_frame(luma, self.stages[0].frame)
        theta = prototype_warp(landmarks, len(luma))
        results = []
        for stage in self.stages:
            faces = stage(faces, male, target, theta)
            results.append(add_change(luma, faces - small, stage.smoothing, stage.gain))
        return results

    def protect(
        self,
        faces: Float32Array,
        male: Float32Array,
        target: Float32Array,
        landmarks: Float64Array | None = None,
    ) -> Float32Array:
        """I'_n; see :class:`faceveil.protect.base.CropProtector`."""
        return self.outputs(faces, male, target, landmarks)[-1]
