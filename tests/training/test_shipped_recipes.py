"""The recipes of the shipped weights mean what they meant: values added since change nothing."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import pytest

import faceveil.systems.recipes  # noqa: F401  makes their kinds known
from faceveil.training.config import load_config

FOLDER = Path(__file__).parents[2] / "recipes"

DIGESTS = {
    "aux-attributes": "22145ac3bf479570",
    "aux-colour-a": "839fc86b3735b65d",
    "aux-colour-b": "700802f01aa9de54",
    "aux-demographics": "2f5e8ae424a6c391",
    "aux-gender-a": "1bcc4d860fe43ee5",
    "aux-gender-b": "405f765726ca9f05",
    "aux-gender-c": "cbb4f09192419b95",
    "aux-race": "7a9bcc13b67c2b8d",
    "candidates": "5a2e40fe3a827ad3",
    "choose-1": "910711c97d49d5cc",
    "choose-2": "0e021abcf25e81f7",
    "choose-3": "8d009ade6d112a2b",
    "ens-gender-1": "17413eddfbc1a883",
    "ens-gender-2": "a8dc067b744d1476",
    "ens-gender-3": "f0771924ae3f6c04",
    "ens-gender-4": "51523c270d65b92f",
    "ens-gender-5": "d7dc7ec2dfbbb97d",
    "ensemble-1": "cbf7d74a26f0e7ec",
    "ensemble-2": "1a722dc413532cb9",
    "ensemble-3": "9905e84b461fee0c",
    "ensemble-4": "757deff5b1a98f7f",
    "ensemble-5": "a9cdfba7a0ec72d4",
    "flowsan-1": "8990d8cc0d320b48",
    "flowsan-2": "3063515d05c66d8f",
    "flowsan-3": "e1b6fa3fda77d708",
    "flowsan-4": "ddffa091bf94972b",
    "flowsan-5": "e3c0f374aafd7b80",
    "gender-an-guided": "17774aacddce3c42",
    "gender-an": "687c0c2a245534ec",
    "judge-gender-small": "2ac7624b7e24954d",
    "judge-gender-wide": "9b61bd0d86b1174f",
    "judge-gender": "25bb2a303ef9c92b",
    "judge-matcher": "0aa4164caccf7a64",
    "landmarks": "0cd89117e357abc8",
    "privacynet": "d4044b4aba7340ad",
    "reader-1": "4bc37b70fa3e1a8a",
    "reader-2": "c2f9c36ffd0dcc5b",
    "reader-3": "5e8f1dd28b4c0027",
    "reader-4": "8eabd17fc82b5c64",
    "reader-5": "cdfd442eee7fd5b0",
    "reader-6": "f7ead3507a2af9fc",
    "reader-7": "27d47def8707d4ea",
    "reader-8": "a498187e48d550e4",
    "reader": "4dc87cbde1c53da5",
    "san": "d32b4d5c52de0a66",
}
"""Of all effective values, defaults included, as they were when the weights were trained."""

SELECTED = {"data_order": "stored", "data_start": 0, "data_stop": 0, "data_seed": 0}
EDITOR = SELECTED | {
    "value_range": (0.0, 1.0),
    "betas": (0.5, 0.999),
    "interpolation": "bilinear",
}
SINCE = {
    "gender": SELECTED
    | {
        "views": True,
        "balanced": True,
        "draw": "random",
        "epochs": 0.0,
        "schedule": "one_cycle",
        "betas": (0.9, 0.999),  # torch's own
        "weight_decay": 1e-2,
    },
    "san": SELECTED
    | {
        "leak": 0.01,
        "pretrain_epochs": 0.0,
        "pretrain_batch": 0,
        "pretrain_optimizer": "adam",
        "pretrain_whole": False,
        "match_reduction": "mean",
        "match_unit": True,
        "match_after": 0.0,
        "opposite_label": "flipped",
        "flip": "together",
        "alignment": "jittered",
        "draw": "random",
        "epochs": 0.0,
        "schedule": "one_cycle",
        "betas": (0.5, 0.99),
    },
    "gender-an": EDITOR | {"condition": "latent", "condition_critic": False, "schedule": "step"},
    "privacynet": EDITOR | {"schedule": "linear"},
}
"""Values that recipes have got since, and what was done before there was a choice."""


@pytest.mark.parametrize("name", sorted(DIGESTS))
def test_a_shipped_recipe_resolves_to_the_same_values(name):
    values = asdict(load_config(FOLDER / f"{name}.toml"))
    for key, before in SINCE.get(values["kind"], {}).items():
        assert values.pop(key) == before, key
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]
    assert digest == DIGESTS[name]
