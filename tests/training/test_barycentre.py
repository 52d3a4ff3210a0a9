"""The map to the barycentre, against scipy's matrix roots and what optimal transport must do."""

from __future__ import annotations

import numpy as np
import scipy.linalg
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from faceveil.training.barycentre import BarycentreMap, barycentre, transport


def spread(seed: int, size: int = 6) -> np.ndarray:
    half = np.random.default_rng(seed).normal(size=(size, 2 * size))
    return half @ half.T / size + 0.1 * np.eye(size)


def test_transport_is_the_closed_form_and_moves_one_covariance_onto_the_other() -> None:
    c, s = spread(1), spread(2)
    root = scipy.linalg.sqrtm(c).real
    inverse = np.linalg.inv(root)
    expected = inverse @ scipy.linalg.sqrtm(root @ s @ root).real @ inverse
    a = transport(c, s)
    np.testing.assert_allclose(a, expected, atol=1e-8)
    np.testing.assert_allclose(a @ c @ a, s, atol=1e-8)


def test_barycentre_satisfies_its_equation_and_lies_between() -> None:
    spreads, share = np.stack([spread(3), spread(4)]), np.array([0.3, 0.7])
    s = barycentre(spreads, share, rounds=200)
    root = scipy.linalg.sqrtm(s).real
    mean = sum(
        w * scipy.linalg.sqrtm(root @ c @ root).real for w, c in zip(share, spreads, strict=True)
    )
    np.testing.assert_allclose(
        mean, s, atol=1e-6
    )  # Agueh and Carlier: S = sum w (S^1/2 C S^1/2)^1/2
    # Maps from a barycentre average to the identity.
    np.testing.assert_allclose(
        sum(w * transport(s, c) for w, c in zip(share, spreads, strict=True)), np.eye(6), atol=1e-6
    )


def test_commuting_covariances_average_their_roots() -> None:
    spreads = np.stack([np.diag([1.0, 4.0]), np.diag([9.0, 16.0])])
    np.testing.assert_allclose(
        barycentre(spreads, np.array([0.5, 0.5])), np.diag([4.0, 9.0]), atol=1e-9
    )


def test_a_linear_reader_finds_less_and_faces_stay_themselves() -> None:
    rng = np.random.default_rng(0)
    male = rng.random(1500) < 0.5
    raw = rng.normal(size=(1500, 24)) * np.where(male, 1.0, 1.3)[:, None]
    raw[:, 0] += np.where(male, 2.0, -2.0)
    unit = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)
    moved = BarycentreMap.fit(unit, male, np.arange(700))(unit)
    assert moved.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(moved, axis=1), 1, atol=1e-5)

    def auc(x: np.ndarray) -> float:
        fitted = LogisticRegression(max_iter=500).fit(x[:700], male[:700])
        return float(roc_auc_score(male[700:], fitted.decision_function(x[700:])))

    assert auc(unit) > 0.95
    assert auc(moved) < auc(unit) - 0.15
    assert float((unit * moved).sum(axis=1).mean()) > 0.8
