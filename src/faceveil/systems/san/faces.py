"""The faces that a SAN is trained on, and how its prototypes are laid over them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from faceveil.data.align import most_central
from faceveil.data.packs import take
from faceveil.imaging.detect import CenterFace, Detector
from faceveil.imaging.geometry import CROP_SIZE, canonical_template
from faceveil.imaging.prototypes import prototype_warp
from faceveil.inference.device import Choice
from faceveil.systems.san.config import SANConfig
from faceveil.systems.san.semi_adversarial import Batch
from faceveil.training.augment import joint_view
from faceveil.training.faces import as_batch
from faceveil.types import Float32Array, Float64Array, Uint8Array


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """A training set.

    Attributes:
        inputs: (N, S, S) grey uint8, what the network gets.
        originals: (N, S, S) grey uint8, the faces before any earlier stage.
        male: (N,) float32 labels.
        rows: (K,) int64, those that are trained on.
        pretrained: (P,) int64, those that the autoencoder learns to reproduce first.
        warps: (N, 2, 3) float32, from each face to its prototype; None for jittered ones.
    """

    inputs: Uint8Array
    originals: Uint8Array
    male: Float32Array
    rows: NDArray[np.int64]
    pretrained: NDArray[np.int64]
    warps: Float32Array | None = None

    def batch(
        self, rows: Tensor, config: SANConfig, generator: torch.Generator, device: str
    ) -> Batch:
        """Some faces, flipped and cropped together with their prototypes."""
        pair = [as_batch(images, rows, config.frame) for images in (self.inputs, self.originals)]
        if self.warps is None:
            theta = random_theta(len(rows), config.landmarks, generator)
        else:
            theta = torch.from_numpy(self.warps)[rows]
        both = torch.cat(pair, dim=1)
        both, theta = joint_view(both, theta, generator, config.crop, config.flip)
        male = torch.from_numpy(self.male)[rows]
        return Batch(*(t.to(device) for t in (both[:, :1], both[:, 1:], male, theta)))


def random_theta(count: int, share: float, generator: torch.Generator) -> Tensor:
    """Prototype warps like those that landmarks give: (N, 2, 3), identity for the rest.

    A share of each batch gets small random affine maps of the size that five detected landmarks
    show around the template.
    """
    theta = torch.eye(2, 3).expand(count, 2, 3)
    noise = torch.randn(count, 2, 3, generator=generator) * 0.04
    chosen = torch.rand(count, 1, 1, generator=generator) < share
    return theta + torch.where(chosen, noise, torch.zeros(()))


def face_warps(images: Uint8Array, path: Path, detector: Detector | None = None) -> Float32Array:
    """Warps that align the prototypes to each face, by its own five landmarks.

    Packs hold no landmarks, so they are found in the crops, once, and kept in a file.

    Args:
        images: (N, S, S) grey uint8 canonical crops.
        path: the file; its folder is made.
        detector: finds the landmarks; CenterFace where None.

    Returns:
        (N, 2, 3) float32 as of :func:`faceveil.imaging.prototypes.prototype_warp`; the identity
        where no face is found.
    """
    if path.is_file():
        kept: Float32Array = np.load(path, allow_pickle=False)
        if len(kept) == len(images):
            return kept
    detector = detector or CenterFace(threshold=0.3, choice=Choice(threads=1))
    rows = tqdm(range(len(images)), desc="landmarks", disable=None)
    points = np.stack([_landmarks(take(images, k), detector) for k in rows])
    warps = prototype_warp(points, len(points))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}")
    np.save(temporary, warps, allow_pickle=False)
    temporary.replace(path)
    return warps


def _landmarks(image: Uint8Array, detector: Detector) -> Float64Array:
    """Of one crop (S, S), in pixels of the 224 px crop: (5, 2); the template's for none."""
    size = (CROP_SIZE, CROP_SIZE)
    full = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    found = detector.detect(np.ascontiguousarray(np.repeat(full[..., None], 3, axis=2)))
    if not found:
        return canonical_template(CROP_SIZE)
    return np.asarray(most_central(found, size).landmarks, np.float64)
