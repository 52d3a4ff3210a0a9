"""Recipe: the candidate faces of face mixing, each the average of many faces that look alike.

The faces of each gender are clustered by skin colour and shape (k-means); each cluster's faces
are warped to its mean shape and averaged. An average of that many shows no one's own features.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from sklearn.cluster import KMeans

from faceveil.data.packs import load_packs
from faceveil.errors import OptionError
from faceveil.imaging.geometry import CROP_SIZE
from faceveil.systems.mixing import mesh
from faceveil.systems.mixing.appearance import appearance
from faceveil.systems.mixing.config import CandidateConfig, LandmarkConfig
from faceveil.systems.mixing.train_landmarks import LandmarkNet, found_points
from faceveil.training import checkpoint
from faceveil.training.config import load_config
from faceveil.training.export import measured_in
from faceveil.training.recipes import Card
from faceveil.types import Float32Array, Uint8Array


def train(
    config: CandidateConfig, data: Path, _: Path, output: Path, device: str = "cpu"
) -> dict[str, float]:
    """Make the candidates.

    Args:
        config: the recipe.
        data: folder of the packs.
        output: folder for ``candidates.npz``: ``faces`` (K, S, S, 3) uint8 at the packs' size,
            ``shapes`` (K, 68, 2) float32 in pixels of the 224 px crop, ``male`` (K,) bool.
        device: ``cpu`` or ``cuda``.

    Returns:
        The number of candidates, and of faces in the smallest and the largest cluster.

    Raises:
        OptionError: if the landmark run is missing, or a cluster is too small to hide a person.
    """
    pack = load_packs([data / name for name in config.data])
    network = landmark_network(output.parent / config.landmarks).to(device)
    points = found_points(network, pack.images, device)
    looks = np.stack([_look(i, p) for i, p in zip(pack.images, points, strict=True)])
    faces, shapes, male, sizes = [], [], [], []
    for side in (0, 1):
        rows = np.flatnonzero(pack.male == side)
        if len(rows) < config.clusters * config.least:
            raise OptionError(
                f"data: got {len(rows)} faces of gender {side}; expected at least "
                f"{config.clusters * config.least}; add packs, or lower the recipe's clusters"
            )
        group = KMeans(config.clusters, n_init=3, random_state=config.seed).fit_predict(looks[rows])
        for k in range(config.clusters):
            mine = rows[group == k]
            if len(mine) < config.least:
                raise OptionError(
                    f"clusters: one has {len(mine)} faces; expected at least {config.least}; "
                    "lower the recipe's clusters, or change its seed"
                )
            face, shape = average(pack.images[mine], points[mine])
            faces.append(face)
            shapes.append(shape)
            male.append(bool(side))
            sizes.append(len(mine))
    np.savez_compressed(
        output / "candidates.npz",
        faces=np.stack(faces),
        shapes=np.stack(shapes),
        male=np.array(male),
    )
    return {"candidates": len(sizes), "smallest": min(sizes), "largest": max(sizes)}


def ship(config: CandidateConfig, run: Path, target: Path, _: Path) -> Card:
    """Write the average faces; see :data:`faceveil.training.recipes.Ship`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes((run / "candidates.npz").read_bytes())
    return {
        "kind": "candidates",
        "title": f"Average faces for face mixing, each of at least {config.least} photos",
        "measured": {"faces averaged": measured_in(run)},
    }


def landmark_network(run: Path) -> LandmarkNet:
    """The network of a finished landmark run, in evaluation mode.

    Raises:
        OptionError: if there is no such run, or it is one of another kind.
    """
    if not (run / "recipe.toml").is_file():
        raise OptionError(f"{run}: no such run; run the recipe {run.name!r} first")
    config = load_config(run / "recipe.toml")
    if not isinstance(config, LandmarkConfig):
        raise OptionError(f"{run}: kind is {config.kind!r}; expected a landmark run")
    network = LandmarkNet(config)
    checkpoint.load(run / "checkpoint.safetensors", {"network": network})
    network.eval()
    return network


def average(images: Uint8Array, points: Float32Array) -> tuple[Uint8Array, Float32Array]:
    """The mean of faces that were warped to their mean shape.

    Args:
        images: (N, S, S, 3) uint8 canonical crops.
        points: (N, 68, 2) in pixels of the 224 px crop.

    Returns:
        The face, (S, S, 3) uint8, and the shape, (68, 2) float32 in pixels of the 224 px crop.
    """
    size = images.shape[1]
    zoom = size / CROP_SIZE
    own = [mesh.with_border((p + 0.5) * zoom - 0.5, size) for p in points]
    mean = np.mean(own, axis=0)
    triangles = mesh.delaunay(mean, size)
    owner = mesh.triangle_of_pixel(mean, triangles, size)
    total = np.zeros(images.shape[1:], np.float64)
    for image, shape in zip(images, own, strict=True):
        total += mesh.warp(image.astype(np.float32), shape, mean, triangles, owner)
    shape = (mean[: len(points[0])] + 0.5) / zoom - 0.5
    return np.rint(total / len(images)).astype(np.uint8), shape.astype(np.float32)


def _look(image: Uint8Array, points: Float32Array) -> Float32Array:
    size = (CROP_SIZE, CROP_SIZE)
    full = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    return appearance((full / np.float32(255)).astype(np.float32), points)
