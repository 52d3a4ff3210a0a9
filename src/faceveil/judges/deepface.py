"""DeepFace as a judge, for users who have it and its weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from faceveil.errors import OptionError
from faceveil.judges.base import JudgeInfo
from faceveil.types import Float32Array, Uint8Array


def _library() -> Any:
    try:
        from deepface import DeepFace
    except ImportError as error:
        raise OptionError(
            "judge deepface: deepface is not installed; expected: pip install deepface"
        ) from error
    return DeepFace


class DeepFaceGender:
    """DeepFace's gender model on canonical crops, without detection."""

    def __init__(self) -> None:
        self._library = _library()
        self.info = JudgeInfo("deepface", "deepface gender (VGG-Face)", "MIT", "IMDB-WIKI")

    def p_male(self, crops: Uint8Array) -> Float32Array:
        """P(male) in [0, 1]: (N, 224, 224, 3) uint8 RGB -> (N,) float32."""
        found = []
        for crop in crops:
            answer = self._library.analyze(
                crop[..., ::-1],  # DeepFace takes BGR
                actions=["gender"],
                detector_backend="skip",
                enforce_detection=False,
                silent=True,
            )
            first = answer[0] if isinstance(answer, list) else answer
            found.append(first["gender"]["Man"] / 100)
        return np.array(found, np.float32)


class DeepFaceMatcher:
    """One of DeepFace's face recognition models on canonical crops, without detection.

    Args:
        model: its name there, such as ``ArcFace`` or ``Facenet512``.
    """

    def __init__(self, model: str) -> None:
        self._library, self._model = _library(), model
        self.info = JudgeInfo(
            f"deepface:{model}", f"deepface {model}", "the model's", "the model's"
        )

    def embed(self, crops: Uint8Array) -> Float32Array:
        """Unit embeddings: (N, 224, 224, 3) uint8 RGB -> (N, D) float32."""
        rows = [
            self._library.represent(
                crop[..., ::-1],
                model_name=self._model,
                detector_backend="skip",
                enforce_detection=False,
            )[0]["embedding"]
            for crop in crops
        ]
        out = np.asarray(rows, np.float32)
        return np.asarray(out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12))
