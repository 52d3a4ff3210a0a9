"""Ensemble SAN at run time: independent SANs, their outputs averaged or one of them drawn."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from faceveil.errors import OptionError
from faceveil.imaging.prototypes import prototype_warp
from faceveil.inference.device import Choice
from faceveil.protect.change import add_change, to_frame
from faceveil.systems.san.protector import SANNetwork
from faceveil.types import Float32Array, Float64Array, Target

Combine = Literal["avg", "gibbs"]
COMBINE: tuple[Combine, ...] = get_args(Combine)


class EnsembleProtector:
    """Protects grey canonical crops with n independent SANs (FlowSAN section 3.1).

    Args:
        weights: ONNX files of the SANs with their cards.
        combine: ``avg``, the mean of the n outputs (Ens-Avg), or ``gibbs``, one of them at random
            (Ens-Gibbs). The draw depends on the seed and the face's own pixels, so that asking
            again for the same picture gives the same answer, whatever else is in the batch.
        seed: decides the draw.
        choice: what the networks run on.

    Raises:
        OptionError: if ``combine`` is neither.
        ModelError: if a file or its card is missing, damaged, or of another kind.
    """

    channels = 1
    own_target: Target | None = "opposite"
    needs_gender = True
    replaces_face = False

    def __init__(
        self,
        weights: Sequence[Path],
        combine: str = "avg",
        seed: int = 0,
        choice: Choice = Choice(),
    ) -> None:
        if combine not in COMBINE:
            raise OptionError(f"combine: got {combine!r}; expected one of {', '.join(COMBINE)}")
        self.members = [SANNetwork(path, choice) for path in weights]
        self.combine, self.seed = combine, seed
        self.name = f"ensemble-{combine}"

    @property
    def runs_on(self) -> str:
        """What computes it."""
        return self.members[0].runs_on

    def outputs(
        self,
        luma: Float32Array,
        male: Float32Array,
        target: Float32Array,
        landmarks: Float64Array | None = None,
    ) -> list[Float32Array]:
        """Each member's output, (N, 224, 224) in [0, 1]; what Ens-Best chooses from."""
        if len(luma) == 0:
            return [luma.copy() for _ in self.members]
        theta = prototype_warp(landmarks, len(luma))
        small = to_frame(luma, self.members[0].frame)
        return [
            add_change(luma, m(small, male, target, theta) - small, m.smoothing, m.gain)
            for m in self.members
        ]

    def protect(
        self,
        faces: Float32Array,
        male: Float32Array,
        target: Float32Array,
        landmarks: Float64Array | None = None,
    ) -> Float32Array:
        """Protect a batch; see :class:`faceveil.protect.base.CropProtector`."""
        outputs = self.outputs(faces, male, target, landmarks)
        if self.combine == "avg":
            return np.asarray(np.mean(outputs, axis=0), np.float32)
        chosen = drawn(faces, len(outputs), self.seed)
        return (
            np.stack([outputs[k][i] for i, k in enumerate(chosen)]) if len(faces) else faces.copy()
        )

    def fix_for_person(
        self, faces: Float32Array, target: Float32Array, landmarks: Float64Array
    ) -> EnsembleProtector:
        """For a clip: ``gibbs`` draws once for a person, from the first of the crops (N, 224, 224).

        Args:
            faces: the person's first crops, in [0, 1].
            target: makes no difference.
            landmarks: make no difference.
        """
        if self.combine == "avg":
            return self
        fixed = copy.copy(self)
        fixed.members = [self.members[int(drawn(faces[:1], len(self.members), self.seed)[0])]]
        return fixed


def drawn(luma: Float32Array, members: int, seed: int) -> NDArray[np.int64]:
    """Which member each face gets: (N, H, W) in [0, 1] -> (N,) in [0, members)."""
    pixels = np.rint(luma * 255).astype(np.uint8)
    digests = (hashlib.sha256(f"{seed}|".encode() + p.tobytes()).digest() for p in pixels)
    return np.array([int.from_bytes(d[:8]) % members for d in digests], np.int64)


def best(
    outputs: Sequence[Float32Array], p_male: Sequence[Float32Array], male: Float32Array
) -> Float32Array:
    """Ens-Best, FlowSAN eq. (8): the output that misleads one known classifier most.

    An oracle, for evaluation only: nobody who protects a photo knows who will judge it.

    Args:
        outputs: each member's outputs, (N, H, W).
        p_male: what the classifier says of them, (N,) each.
        male: (N,) true labels.

    Returns:
        (N, H, W): the least male output of each man, the most male one of each woman.
    """
    scores = np.stack([np.asarray(p) for p in p_male])  # (members, N)
    chosen = np.where(np.asarray(male) > 0.5, scores.argmin(0), scores.argmax(0))
    return np.stack([outputs[k][i] for i, k in enumerate(chosen)])
