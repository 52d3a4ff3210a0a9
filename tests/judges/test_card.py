"""Cards: what they accept and how they refuse."""

from __future__ import annotations

import pytest

from faceveil.errors import ModelError
from faceveil.judges.card import JudgeCard
from faceveil.judges.registry import CARDS, load_card
from tests.judges.tiny import card, parsed


def test_role_follows_the_task() -> None:
    assert parsed().role == "gender"
    assert parsed(task="embedding").role == "matcher"


def test_thresholds_by_false_match_rate() -> None:
    found = parsed(
        task="embedding",
        threshold={"fmr": 0.001, "cosine": 0.41},
        **{"threshold_at_1e-2": 0.3},
    ).thresholds
    assert found == {0.001: 0.41, 0.01: 0.3}


def test_published_matcher_card() -> None:
    found = JudgeCard.from_json(
        {
            "name": "judge_matcher",
            "kind": "matcher",
            "frame_px": 112,
            "input": {"channels": "rgb", "scale": "0 to 1", "frame": "ArcFace 112"},
            "thresholds": {"0.01": 0.3, "0.001": 0.45},
            "licence": "MIT",
            "data": ["lfw128.parquet"],
            "sha256": "0" * 64,
        }
    )
    assert (found.role, found.model, found.crop.frame) == (
        "matcher",
        "judge_matcher.onnx",
        "arcface",
    )
    assert found.input.scale == pytest.approx(1 / 255)
    assert found.thresholds[1e-3] == 0.45


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"task": "age"}, "task is 'age'"),
        ({"role": "juror"}, "role is 'juror'"),
        ({"input": {"size": 8, "layout": "HWC"}}, "input.layout"),
        ({"input": {"size": 0}}, "size"),
        ({"input": {"size": 8, "colour": "red"}}, "colour"),
        ({"input": {"size": 8, "shift": [1, 2]}}, "input.shift has 2 numbers"),
        ({"input": {"size": 8, "channels": "gray", "shift": [1, 2, 3]}}, "for gray"),
        ({"input": {"size": 8, "shift": ["a", 2, 3]}}, "tiny"),
        ({"crop": {"frame": "oval"}}, "crop.frame is 'oval'"),
        ({"crop": {"frame": "dlib", "padding": -1}}, "padding"),
        ({"output": {"read": "tea leaves"}}, "output.read"),
        ({"thresholds": {"much": 1}}, "tiny"),
    ],
)
def test_refuses_what_no_judge_can_have(change: dict[str, object], words: str) -> None:
    with pytest.raises(ModelError, match=words) as error:
        parsed(**change)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("field", ["name", "source", "licence", "training_data", "input", "crop"])
def test_names_the_missing_field(field: str) -> None:
    broken = {k: v for k, v in card().items() if k != field}
    with pytest.raises(ModelError, match=field):
        JudgeCard.from_json(broken)


def test_cards_of_public_models_are_valid_and_hashed() -> None:
    cards = [load_card(path) for path in CARDS.glob("*.json")]
    roles = {c.info.name: c.role for c in cards}
    assert sum(role == "gender" for role in roles.values()) == 7
    assert sum(role == "matcher" for role in roles.values()) == 3
    assert roles["insightface_mobilefacenet_y1"] == "auxiliary"
    assert all(c.sha256 and len(c.sha256) == 64 for c in cards)


NAN, HUGE = float("nan"), float("inf")
HOSTILE = [
    {"input": 5},
    {"input": []},
    {"input": {"size": "8"}},
    {"input": {"size": 8.5}},
    {"input": {"size": True}},
    {"input": {"size": 10**9}},
    {"input": {"size": -8}},
    {"input": {"size": 8, "scale": NAN}},
    {"input": {"size": 8, "shift": HUGE}},
    {"input": {"size": 8, "scale": "1"}},
    {"input": {"size": 8, "stretch": "no"}},
    {"input": {"size": 8, "channels": ["rgb"]}},
    {"input": {"size": 8, "layout": {}}},
    {"crop": {"zoom": NAN}},
    {"crop": {"zoom": 0}},
    {"crop": {"zoom": [1]}},
    {"crop": {"padding": HUGE}},
    {"crop": "canonical"},
    {"output": {"male": -1}},
    {"output": {"male": 1.5}},
    {"output": {"tensor": 3}},
    {"output": 7},
    {"photo": {"margin": NAN}},
    {"photo": {"margin": -1}},
    {"photo": {"margin": "0"}},
    {"photo": 0.2},
    {"photo": {}},
    {"role": ["gender"]},
    {"task": {}},
    {"metric": None},
    {"model": "../../etc/passwd"},
    {"model": "/etc/passwd"},
    {"model": ""},
    {"model": "a\0.onnx"},
    {"sha256": 5},
    {"sha256": "short"},
    {"thresholds": [1]},
    {"thresholds": {"0.1": NAN}},
    {"thresholds": {"-1": 0.5}},
    {"thresholds": {"nan": 0.5}},
    {"thresholds": {"0.1": 10**400}},
    {"threshold": {"fmr": 0.001}},
    {"threshold": {"fmr": [], "cosine": 0.4}},
    {"threshold": "low"},
    {"threshold_at_1e-2": 99},
]


@pytest.mark.parametrize("change", HOSTILE, ids=str)
def test_hostile_cards_are_one_clear_line(change: dict[str, object]) -> None:
    with pytest.raises(ModelError) as caught:
        parsed(**change)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
