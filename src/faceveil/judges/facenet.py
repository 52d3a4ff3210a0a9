"""facenet-pytorch's FaceNet as a judge, for users who have it and its weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from faceveil.errors import OptionError
from faceveil.judges.base import JudgeInfo
from faceveil.judges.crop import crop_matrix, judge_crops
from faceveil.types import Float32Array, Uint8Array

SIDE = 160


class FaceNetMatcher:
    """InceptionResnetV1 on the face with a margin.

    Args:
        weights: ``vggface2`` or ``casia-webface``; the library looks for them in its own cache.

    Raises:
        OptionError: if the library is missing.
    """

    def __init__(self, weights: str = "vggface2") -> None:
        try:
            from facenet_pytorch import InceptionResnetV1
        except ImportError as error:
            raise OptionError(
                "judge facenet: facenet-pytorch is not installed; expected: pip install "
                "facenet-pytorch"
            ) from error
        self._network: Any = InceptionResnetV1(pretrained=weights).eval()
        self.info = JudgeInfo(f"facenet:{weights}", f"facenet-pytorch {weights}", "MIT", weights)
        # Its training crops show the face with a margin: a little wider than the ArcFace frame.
        self._matrix = crop_matrix("arcface", SIDE, zoom=1.1)

    def embed(self, crops: Uint8Array) -> Float32Array:
        """Unit embeddings: (N, 224, 224, 3) uint8 RGB -> (N, 512) float32."""
        import torch

        x = (judge_crops(crops, self._matrix, SIDE) - 127.5) / 128
        with torch.no_grad():
            rows = self._network(torch.from_numpy(x.transpose(0, 3, 1, 2).astype(np.float32)))
        out = np.asarray(rows.numpy(), np.float32)
        return np.asarray(out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12))
