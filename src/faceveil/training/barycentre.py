"""What a matcher should say of a protected face: the same person, with the gender taken out.

For each gender that a reader *predicts* from an embedding, the optimal-transport map between two
normal distributions moves that gender's embeddings onto the barycentre of both. Predicted, never
true, labels: with true ones the map itself would write the label into the embedding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.svm import SVC

from faceveil.types import Float32Array, Float64Array

_RIDGE = 1e-3
"""Added to a covariance's diagonal, of its mean: embeddings have directions without spread."""


@dataclass(frozen=True, slots=True, eq=False)
class BarycentreMap:
    """The map of a matcher's unit embeddings.

    Attributes:
        reader: predicts the gender from an embedding.
        means: (2, D) of the embeddings read as female and as male.
        maps: (2, D, D) symmetric, of the centred embeddings.
        centre: (D,) mean of the barycentre.
    """

    reader: SVC
    means: Float64Array
    maps: Float64Array
    centre: Float64Array

    @classmethod
    def fit(
        cls,
        embeddings: Float32Array,
        male: NDArray[np.bool_],
        rows: NDArray[np.int64],
        seed: int = 0,
    ) -> BarycentreMap:
        """Fit reader and maps.

        Args:
            embeddings: (N, D) unit vectors, at least some hundred of each gender.
            male: (N,) what the reader learns from.
            rows: those that the reader learns from; it labels all, and the maps follow its labels.
            seed: of the reader.
        """
        reader = SVC(C=4.0, gamma="scale", random_state=seed).fit(embeddings[rows], male[rows])
        read = reader.predict(embeddings)
        sides = [embeddings[read == side].astype(np.float64) for side in (False, True)]
        means = np.stack([side.mean(axis=0) for side in sides])
        spreads = np.stack([_covariance(side) for side in sides])
        share = np.array([len(side) for side in sides]) / len(embeddings)
        middle = barycentre(spreads, share)
        maps = np.stack([transport(spread, middle) for spread in spreads])
        return cls(reader, means, maps, share @ means)

    def __call__(self, embeddings: Float32Array) -> Float32Array:
        """The embeddings without what tells the gender: (N, D) unit vectors -> the same."""
        side = self.reader.predict(embeddings).astype(np.int64)
        out = np.empty(embeddings.shape, np.float64)
        for k in (0, 1):
            rows = side == k
            out[rows] = self.centre + (embeddings[rows] - self.means[k]) @ self.maps[k]
        out /= np.linalg.norm(out, axis=1, keepdims=True)
        return out.astype(np.float32)


def barycentre(spreads: Float64Array, share: Float64Array, rounds: int = 40) -> Float64Array:
    """The covariance of the Wasserstein barycentre of centred normal distributions.

    The fixed point S = S^-1/2 (sum_k w_k (S^1/2 C_k S^1/2)^1/2)^2 S^-1/2 (Alvarez-Esteban et al.,
    2016, Theorem 4.2).

    Args:
        spreads: (K, D, D) positive definite covariances C_k.
        share: (K,) weights w_k with sum 1.
        rounds: of the iteration, which converges linearly.

    Returns:
        (D, D).
    """
    middle = np.tensordot(share, spreads, axes=1)
    for _ in range(rounds):
        root, inverse = _roots(middle)
        mean = sum(w * _roots(root @ c @ root)[0] for w, c in zip(share, spreads, strict=True))
        step = inverse @ mean @ mean @ inverse
        moved = np.abs(step - middle).max() / np.abs(middle).max()
        middle = (step + step.T) / 2
        if moved < 1e-9:
            break
    return middle


def transport(source: Float64Array, target: Float64Array) -> Float64Array:
    """The matrix A of the optimal map between centred normals: A C A = S, A symmetric.

    A = C^-1/2 (C^1/2 S C^1/2)^1/2 C^-1/2.

    Args:
        source: (D, D) covariance C, positive definite.
        target: (D, D) covariance S.
    """
    root, inverse = _roots(source)
    matrix = inverse @ _roots(root @ target @ root)[0] @ inverse
    return np.asarray((matrix + matrix.T) / 2, np.float64)


def _covariance(rows: Float64Array) -> Float64Array:
    spread = np.cov(rows, rowvar=False)
    return np.asarray(spread + _RIDGE * np.trace(spread) / len(spread) * np.eye(len(spread)))


def _roots(matrix: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Square root and its inverse of a symmetric positive definite matrix."""
    values, vectors = np.linalg.eigh(matrix)
    root = np.sqrt(np.maximum(values, 1e-15))
    return (vectors * root) @ vectors.T, (vectors / root) @ vectors.T
