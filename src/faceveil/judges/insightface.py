"""InsightFace's models as judges, for users who have a model pack. Nothing is downloaded.

The packs' terms allow non-commercial research only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from faceveil.errors import OptionError
from faceveil.judges.base import JudgeInfo
from faceveil.judges.cache import digest
from faceveil.judges.crop import crop_matrix, judge_crops
from faceveil.judges.python_object import CallableGenderJudge, CallableMatcher
from faceveil.types import Float32Array, Uint8Array

SIDE = 112
GENDER_ZOOM = 1.28
"""The gender model looks at a square 1.5 times as wide as the longer side of the detector's box,
which is 191 px of the canonical crop (CenterFace on 60 photos of LFW, standard deviation 8)."""

_TERMS = "non-commercial research"
_LAST = ("1k3d68", "2d106det", "det_")  # of a pack: landmarks and detector, large and not needed


class InsightFaceMatcher(CallableMatcher):
    """A recognition model in the ArcFace frame.

    Args:
        name: a pack such as ``buffalo_l``, a folder, or an ONNX file such as ``w600k_r50.onnx``.

    Raises:
        OptionError: if the library or the model is missing.
    """

    def __init__(self, name: str | Path) -> None:
        self._model, path = _find(str(name), "recognition")
        info = JudgeInfo(f"insightface:{path.stem}", f"insightface {path.name}", _TERMS, "see pack")
        super().__init__(self._read, info, version=digest(path))
        self._matrix = crop_matrix("arcface", SIDE)

    def _read(self, crops: Uint8Array) -> list[Any]:
        chips = np.rint(judge_crops(crops, self._matrix, SIDE)).clip(0, 255).astype(np.uint8)
        # It takes BGR and scales by itself.
        return [self._model.get_feat(np.ascontiguousarray(c[..., ::-1])).ravel() for c in chips]


class InsightFaceGender(CallableGenderJudge):
    """The gender of a pack's gender and age model; arguments as for the matcher."""

    def __init__(self, name: str | Path) -> None:
        self._model, path = _find(str(name), "genderage")
        info = JudgeInfo(f"insightface:{path.stem}", f"insightface {path.name}", _TERMS, "see pack")
        super().__init__(self._read, info, version=digest(path))
        self._side = int(self._model.input_size[0])
        self._matrix = crop_matrix("canonical", self._side, GENDER_ZOOM)

    def _read(self, crops: Uint8Array) -> Float32Array:
        # Its own get() tells the likelier gender only; so its session is asked, with the same
        # input: RGB, and two logits out of three numbers, female and male.
        model = self._model
        x = (np.rint(judge_crops(crops, self._matrix, self._side)) - model.input_mean) / (
            np.float32(model.input_std)
        )
        x = np.ascontiguousarray(x.transpose(0, 3, 1, 2), np.float32)
        rows = [model.session.run(model.output_names, {model.input_name: r[None]})[0] for r in x]
        logits = np.concatenate(rows)
        return np.asarray(1 / (1 + np.exp(np.clip(logits[:, 0] - logits[:, 1], -80, 80))))


def _find(name: str, task: str) -> tuple[Any, Path]:
    """The first model of a pack that does the task."""
    try:
        from insightface.model_zoo import get_model
    except ImportError as error:
        raise OptionError(
            f"judge insightface: insightface cannot be imported ({error}); expected: pip install "
            "insightface"
        ) from error
    if not name:
        raise OptionError("judge insightface: no pack; expected insightface:PACK, as buffalo_l")
    folder = Path(name) if Path(name).is_dir() else Path.home() / ".insightface" / "models" / name
    found = [Path(name)] if name.endswith(".onnx") else list(folder.glob("*.onnx"))
    if not found or not found[0].is_file():
        where = name if name.endswith(".onnx") else f"{folder}/*.onnx"
        raise OptionError(
            f"judge insightface: {where}: no such file; expected the models of a pack; download it"
        )
    for path in sorted(found, key=lambda p: (p.name.startswith(_LAST), p.name)):
        model = get_model(str(path))
        if model is not None and getattr(model, "taskname", task) == task:
            model.prepare(ctx_id=-1)
            return model, path
    raise OptionError(f"judge insightface: {name}: no {task} model in it; expected one")
