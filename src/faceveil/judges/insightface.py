"""InsightFace's recognition models as judges, for users who have a model pack.

The packs' terms allow non-commercial use only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from faceveil.errors import OptionError
from faceveil.judges.base import JudgeInfo
from faceveil.judges.crop import crop_matrix, judge_crops
from faceveil.types import Float32Array, Uint8Array

SIDE = 112


class InsightFaceMatcher:
    """A recognition model in the ArcFace frame.

    Args:
        path: its ONNX file, such as ``w600k_r50.onnx``.

    Raises:
        OptionError: if the library or the file is missing.
    """

    def __init__(self, path: Path) -> None:
        try:
            from insightface.model_zoo import get_model
        except ImportError as error:
            raise OptionError(
                "judge insightface: insightface is not installed; expected: pip install insightface"
            ) from error
        if not path.is_file():
            raise OptionError(f"judge insightface: {path}: no such file; expected an ONNX model")
        self._model: Any = get_model(str(path))
        self._model.prepare(ctx_id=-1)
        self.info = JudgeInfo(
            f"insightface:{path.stem}",
            f"insightface {path.name}",
            "non-commercial research",
            "see pack",
        )
        self._matrix = crop_matrix("arcface", SIDE)

    def embed(self, crops: Uint8Array) -> Float32Array:
        """Unit embeddings: (N, 224, 224, 3) uint8 RGB -> (N, D) float32."""
        chips = np.rint(judge_crops(crops, self._matrix, SIDE)).clip(0, 255).astype(np.uint8)
        rows = [self._model.get_feat(np.ascontiguousarray(c[..., ::-1])).ravel() for c in chips]
        out = np.asarray(rows, np.float32)
        return np.asarray(out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12))
