"""Judges that are an ONNX file and a card, run on the CPU by ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from faceveil.errors import ModelError, OptionError
from faceveil.imaging.geometry import CROP_SIZE
from faceveil.inference.device import Choice
from faceveil.inference.session import freeing, session
from faceveil.judges.card import JudgeCard
from faceveil.judges.crop import crop_matrix, judge_crops
from faceveil.types import Float32Array, Uint8Array

_CROP_SHAPE = (CROP_SIZE, CROP_SIZE, 3)
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


class OnnxJudge:
    """What gender judges and matchers share: card, crop, normalisation, batches.

    Args:
        card: what the model needs.
        folder: where ``card.model`` lies.
        threads: threads inside one operator; 0 takes all cores.
        batch: crops run at once.

    Raises:
        ModelError: if the file is missing, damaged, has another digest than the card states, or is
            no ONNX model.
    """

    def __init__(self, card: JudgeCard, folder: Path, *, threads: int = 0, batch: int = 32) -> None:
        self.card, self.info = card, card.info
        self._batch = batch
        # Not held: of many judges, whose answers are mostly kept, only a few need be loaded.
        self._model = (folder / card.model, card.sha256, Choice(threads=threads))
        network = session(*self._model)
        self._input = network.get_inputs()[0].name
        names = [output.name for output in network.get_outputs()]
        self._output = card.output.tensor or names[0]
        if self._output not in names:
            raise ModelError(
                f"{card.model}: its card names output {self._output!r}; the model has "
                f"{', '.join(names)}; correct the card"
            )
        crop = card.crop
        self._matrix = crop_matrix(crop.frame, card.input.size, crop.zoom, crop.padding)

    def prepare(self, crops: Uint8Array) -> Float32Array:
        """The network's input for canonical crops.

        Args:
            crops: (N, 224, 224, 3) uint8 RGB.

        Returns:
            (N, C, S, S) or (N, S, S, C) float32, as the card says.
        """
        spec = self.card.input
        x = judge_crops(crops, self._matrix, spec.size)
        if spec.channels == "gray":
            x = (x @ _LUMA)[..., None]
        elif spec.channels == "bgr":
            x = x[..., ::-1]
        if spec.stretch:
            low = x.min(axis=(1, 2, 3), keepdims=True)
            span = x.max(axis=(1, 2, 3), keepdims=True) - low
            x = (x - low) * (255 / np.maximum(span, 1e-6))
        x = x * np.float32(spec.scale) + np.asarray(spec.shift, np.float32)
        if spec.layout == "NCHW":
            x = x.transpose(0, 3, 1, 2)
        return np.ascontiguousarray(x, np.float32)

    def run(self, crops: Uint8Array) -> Float32Array:
        """The network's raw output for canonical crops.

        Args:
            crops: (N, 224, 224, 3) uint8 RGB.

        Returns:
            (N, D) float32; D is 1 where the network gives one number a crop.

        Raises:
            OptionError: if the crops have another shape or type.
            ModelError: if the network refuses the input that its card describes.
        """
        if (
            crops.dtype != np.uint8
            or crops.ndim != 4
            or crops.shape[1:]
            != (
                CROP_SIZE,
                CROP_SIZE,
                3,
            )
        ):
            raise OptionError(
                f"crops: got {crops.dtype} {crops.shape}; expected uint8 (N, 224, 224, 3); "
                "repeat a grey crop's channel three times"
            )
        if len(crops) == 0:
            return np.empty((0, 1), np.float32)
        parts = []
        network = session(*self._model)
        for start in range(0, len(crops), self._batch):
            x = self.prepare(crops[start : start + self._batch])
            try:
                last = start + self._batch >= len(crops)
                options = freeing() if last else None
                (out,) = network.run([self._output], {self._input: x}, options)
            except Exception as error:  # ONNX Runtime raises its own unrelated classes
                reason = str(error).splitlines()[0]
                raise ModelError(
                    f"{self.card.model}: cannot run on {x.shape} ({reason}); correct its card"
                ) from error
            parts.append(np.asarray(out, np.float32).reshape(len(x), -1))
        return np.concatenate(parts)


class OnnxGenderJudge(OnnxJudge):
    """A gender classifier; a :class:`faceveil.judges.base.GenderJudge`."""

    def p_male(self, crops: Uint8Array) -> Float32Array:
        """P(male) in [0, 1] of each crop: (N, 224, 224, 3) uint8 RGB -> (N,) float32."""
        out, spec = self.run(crops), self.card.output
        width = out.shape[1]
        if len(out) == 0:
            return np.empty(0, np.float32)
        columns = (spec.male,) if spec.read == "column" else (spec.male, spec.female)
        if max(columns) >= width:
            raise ModelError(
                f"{self.card.model}: its card reads column {max(columns)}; the output has {width}; "
                "correct the card"
            )
        male = out[:, spec.male]
        if spec.read == "softmax":
            # Clipped where exp would overflow; P is 0 or 1 there in float32 anyway.
            male = 1 / (1 + np.exp(np.clip(out[:, spec.female] - male, -80, 80)))
        elif spec.read == "ratio":
            male = male / np.maximum(male + out[:, spec.female], np.float32(1e-12))
        return np.clip(male, 0, 1).astype(np.float32)


class OnnxMatcher(OnnxJudge):
    """A face matcher; a :class:`faceveil.judges.base.Matcher`."""

    def threshold(self, fmr: float = 1e-3) -> float | None:
        """Cosine similarity at a false match rate as its card states it; None where it doesn't."""
        return self.card.thresholds.get(fmr)

    def embed(self, crops: Uint8Array) -> Float32Array:
        """Embeddings of unit length: (N, 224, 224, 3) uint8 RGB -> (N, D) float32."""
        out = self.run(crops)
        norms = np.linalg.norm(out, axis=1, keepdims=True)
        return np.asarray(out / np.maximum(norms, 1e-12), np.float32)
