"""Recipes of the systems, by name of what trains and ships each; importing this makes them known.

Whoever reads recipes of all kinds, ``faceveil train`` above all, imports it. A new recipe is one
entry here.
"""

from __future__ import annotations

from faceveil.systems.adaptive.config import AdaptiveConfig
from faceveil.systems.editors.config import GenderANConfig, PrivacyNetConfig
from faceveil.systems.mixing.config import CandidateConfig, LandmarkConfig
from faceveil.systems.san.config import SANConfig
from faceveil.training.recipes import Recipe, register

_HERE = "faceveil.systems"
RECIPES = (
    Recipe(
        LandmarkConfig,
        f"{_HERE}.mixing.train_landmarks:train",
        f"{_HERE}.mixing.train_landmarks:ship",
    ),
    Recipe(
        CandidateConfig,
        f"{_HERE}.mixing.train_candidates:train",
        f"{_HERE}.mixing.train_candidates:ship",
        ".npz",
    ),
    Recipe(SANConfig, f"{_HERE}.san.train:train", f"{_HERE}.san.train:ship"),
    Recipe(
        GenderANConfig,
        f"{_HERE}.editors.train_gender_an:train",
        f"{_HERE}.editors.train_gender_an:ship",
    ),
    Recipe(
        PrivacyNetConfig,
        f"{_HERE}.editors.train_privacynet:train",
        f"{_HERE}.editors.train_privacynet:ship",
    ),
    Recipe(AdaptiveConfig, f"{_HERE}.adaptive.train:train", f"{_HERE}.adaptive.export:ship"),
)

for recipe in RECIPES:
    register(recipe)
