"""DeepFace as a judge, for users who have it and its weights. Nothing is downloaded.

DeepFace gets the whole canonical crop, about as wide as a detector's box with a small margin, in
BGR and without detection, and scales it to each model's own size.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from faceveil.errors import OptionError
from faceveil.judges.base import JudgeInfo
from faceveil.judges.python_object import CallableGenderJudge, CallableMatcher
from faceveil.types import Float32Array, Uint8Array

LEAST = (0, 0, 94)
"""Before it, ``represent`` swaps red and blue where detection is skipped (DeepFace issue 1426)."""

GENDER = "gender_model_weights"
MATCHERS = {
    "VGG-Face": "vgg_face_weights",
    "Facenet": "facenet_weights",
    "Facenet512": "facenet512_weights",
    "OpenFace": "openface_weights",
    "DeepFace": "VGGFace2_DeepFace_weights",
    "DeepID": "deepid_keras_weights",
    "ArcFace": "arcface_weights",
    "SFace": "face_recognition_sface",
    "GhostFaceNet": "ghostfacenet",
}
"""How the file of each model's weights begins."""


class DeepFaceGender(CallableGenderJudge):
    """DeepFace's gender model on canonical crops, without detection."""

    def __init__(self) -> None:
        self._library, version = _library(GENDER)
        info = JudgeInfo("deepface", "deepface gender (VGG-Face)", "MIT", "IMDB-WIKI")
        super().__init__(self._read, info, version=version)

    def _read(self, crops: Uint8Array) -> Float32Array:
        found = []
        for crop in crops:
            answer = self._library.analyze(
                np.ascontiguousarray(crop[..., ::-1]),  # DeepFace takes BGR
                actions=["gender"],
                detector_backend="skip",
                enforce_detection=False,
                silent=True,
            )
            first = answer[0] if isinstance(answer, list) else answer
            found.append(first["gender"]["Man"] / 100)
        return np.array(found, np.float32)


class DeepFaceMatcher(CallableMatcher):
    """One of DeepFace's face recognition models on canonical crops, without detection.

    Args:
        model: its name there, such as ``ArcFace`` or ``Facenet512``.

    Raises:
        OptionError: if there is no such model, or the library or its weights are missing.
    """

    def __init__(self, model: str) -> None:
        if model not in MATCHERS:
            raise OptionError(
                f"judge deepface: model is {model!r}; expected {', '.join(MATCHERS)}, or deepface "
                "alone for gender"
            )
        self._library, version = _library(MATCHERS[model])
        self._model = model
        info = JudgeInfo(f"deepface:{model}", f"deepface {model}", "the model's", "the model's")
        super().__init__(self._read, info, version=version)

    def _read(self, crops: Uint8Array) -> list[Any]:
        return [
            self._library.represent(
                np.ascontiguousarray(crop[..., ::-1]),
                model_name=self._model,
                detector_backend="skip",
                enforce_detection=False,
            )[0]["embedding"]
            for crop in crops
        ]


def _library(weights: str) -> tuple[Any, str]:
    """DeepFace and its version, once the weights are found to be there."""
    try:
        import deepface
        from deepface import DeepFace
    except Exception as error:  # its own imports fail in many ways, TensorFlow's above all
        raise OptionError(
            f"judge deepface: deepface cannot be imported ({error!r}); expected: pip install "
            "deepface tf-keras"
        ) from error
    version = str(getattr(deepface, "__version__", ""))
    if version and tuple(int(n) for n in re.findall(r"\d+", version)[:3]) < LEAST:
        raise OptionError(
            f"judge deepface: version {version} swaps red and blue; expected 0.0.94 or later: "
            "pip install -U deepface"
        )
    try:
        from deepface.commons.folder_utils import get_deepface_home
    except ImportError:
        return DeepFace, version  # it does not tell where its weights lie
    folder = Path(get_deepface_home()) / ".deepface" / "weights"
    if not any(folder.glob(f"{weights}*")):
        raise OptionError(
            f"judge deepface: no {weights}* in {folder}; expected the model's weights; download "
            "them as DeepFace's README says"
        )
    return DeepFace, version
