"""facenet-pytorch's FaceNet as a judge, for users who have it and its weights.

Nothing is downloaded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from faceveil.errors import ModelError, OptionError
from faceveil.judges.base import JudgeInfo
from faceveil.judges.cache import digest
from faceveil.judges.crop import crop_matrix, judge_crops
from faceveil.judges.python_object import CallableMatcher
from faceveil.own import first_line
from faceveil.types import Float32Array, Uint8Array

SIDE = 160
BATCH = 16
FILES = {
    "vggface2": "20180402-114759-vggface2.pt",
    "casia-webface": "20180408-102900-casia-webface.pt",
}
"""Names in the library's cache."""


class FaceNetMatcher(CallableMatcher):
    """InceptionResnetV1 on the face with a margin, pixels as (x - 127.5) / 128.

    Args:
        weights: ``vggface2`` or ``casia-webface`` in the library's own cache, or a ``.pt`` file.

    Raises:
        OptionError: if the library or the weights are missing.
        ModelError: if the file is damaged, or holds another network.
    """

    width = 512

    def __init__(self, weights: str = "vggface2") -> None:
        try:
            from facenet_pytorch import InceptionResnetV1
        except ImportError as error:
            raise OptionError(
                f"judge facenet: facenet-pytorch cannot be imported ({error}); expected: pip "
                "install facenet-pytorch"
            ) from error
        path = _file(weights)
        try:
            if weights in FILES:
                self._network: Any = InceptionResnetV1(pretrained=weights).eval()
            else:
                self._network = InceptionResnetV1(pretrained=None).eval()
                self._network.load_state_dict(_state(Path(weights)))
        except Exception as error:  # torch and pickle raise many unrelated classes
            raise ModelError(
                f"judge facenet: {path or weights}: {first_line(error)}; expected the weights of "
                "InceptionResnetV1; get the file again"
            ) from error
        name = weights if weights in FILES else Path(weights).stem
        info = JudgeInfo(f"facenet:{name}", f"facenet-pytorch {name}", "MIT", name)
        super().__init__(self._read, info, version=digest(path) if path else "")
        # Its training crops show the face with a margin: a little wider than the ArcFace frame.
        self._matrix = crop_matrix("arcface", SIDE, zoom=1.1)

    def _read(self, crops: Uint8Array) -> Float32Array:
        import torch

        x = (judge_crops(crops, self._matrix, SIDE) - 127.5) / 128
        batch: Any = torch.from_numpy(x.transpose(0, 3, 1, 2).astype(np.float32))
        with torch.inference_mode():
            return np.concatenate([self._network(part).numpy() for part in batch.split(BATCH)])


def _file(weights: str) -> Path | None:
    """The weights' file, which must be there; None where the library does not tell its cache."""
    path = Path(weights)
    if weights in FILES:
        try:
            from facenet_pytorch.models.inception_resnet_v1 import get_torch_home
        except ImportError:
            return None
        path = Path(get_torch_home()) / "checkpoints" / FILES[weights]
    if not path.is_file():
        raise OptionError(
            f"judge facenet: {path}: no such file; expected a .pt file, or one of "
            f"{', '.join(FILES)} in the library's cache; download it"
        )
    return path


def _state(path: Path) -> dict[str, Any]:
    """The network's weights, without those of the classifier that it was trained with."""
    import torch

    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return {k: v for k, v in state.items() if not k.startswith("logits.")}
