"""The teacher of the landmark recipe: a public network, asked in several ways.

It errs to one side (on celeba128-val its answers for a face and for the mirrored face differ by
8 % of the eye distance), so that its mean over two squares and both mirrorings is what is learnt.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray

from faceveil.imaging.geometry import CROP_SIZE
from faceveil.systems.mixing.landmarks import INPUT, MIRRORED, POINTS
from faceveil.types import Float32Array, Uint8Array

TEACHER_SQUARES = ((0.6875, 0.5625), (0.8125, 0.59375))
"""Side and height of the middle of the teacher's crops, as shares of the canonical crop.

Chosen on celeba128-val: from 0.69 to 0.94 the teacher's eyes, nose and mouth are equally near the
template's, and larger squares hold more of the chin."""


class Teacher:
    """68 points from an ONNX network with input (N, 112, 112, 3) RGB from 0 to 255.

    Args:
        path: the ONNX file; its answers are shares of its crop.
    """

    def __init__(self, path: Path) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        self.session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name

    def __call__(self, images: Uint8Array) -> Float32Array:
        """(N, S, S, 3) uint8 canonical crops -> (N, 68, 2) in pixels of the 224 px crop."""
        views = []
        for share, height in TEACHER_SQUARES:
            left, top = 0.5 - share / 2, height - share / 2
            for mirrored in (False, True):
                found = self._square(images[:, :, ::-1] if mirrored else images, left, top, share)
                if mirrored:
                    found = found[:, MIRRORED] * (-1, 1) + (1, 0)
                views.append(found)
        return np.asarray(np.mean(views, axis=0) * CROP_SIZE - 0.5, np.float32)

    def _square(
        self, images: Uint8Array, left: float, top: float, share: float
    ) -> NDArray[np.float64]:
        """Points from one square, as shares of the whole crop."""
        side = images.shape[1]
        zoom = INPUT / (share * side)
        shift = [-w * side * zoom + (zoom - 1) / 2 for w in (left, top)]
        matrix = np.array([[zoom, 0, shift[0]], [0, zoom, shift[1]]])
        parts = []
        for image in images:
            part = cv2.warpAffine(
                np.ascontiguousarray(image), matrix, (INPUT, INPUT), borderMode=cv2.BORDER_REPLICATE
            )
            parts.append(part)
        (out,) = self.session.run(None, {self.input: np.stack(parts).astype(np.float32)})
        return np.asarray(out, np.float64).reshape(-1, POINTS, 2) * share + (left, top)


def answers(teacher: Teacher, images: Uint8Array, path: Path) -> Float32Array:
    """The teacher's points for all images, kept in a file for a run that is resumed."""
    if path.is_file():
        return np.asarray(np.load(path, allow_pickle=False), np.float32)
    parts = [teacher(images[i : i + 128]) for i in range(0, len(images), 128)]
    points = np.concatenate(parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, points, allow_pickle=False)
    return points
