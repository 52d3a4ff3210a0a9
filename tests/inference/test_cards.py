"""Cards that say what cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from faceveil.errors import ModelError
from faceveil.inference.card import WEIGHTS, read_card


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"frame_px": "128"}', "frame_px is '128'; expected 1 to 4096 pixels"),
        ('{"frame_px": 1e9}', "frame_px"),
        ('{"frame_px": true}', "frame_px"),
        ('{"frame_px": 0}', "frame_px is 0"),
        ('{"gain": NaN}', "gain is nan"),
        ('{"smoothing_px": [3]}', "smoothing_px"),
        ('{"sha256": null}', "sha256 is None; expected 64 hexadecimal digits"),
        ("[" * 100_000, "not a model card"),
        ("[1]", "no JSON object"),
    ],
)
def test_a_bad_card_is_one_line(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "card.json").write_text(text)
    with pytest.raises(ModelError) as caught:
        read_card(tmp_path / "card.json")
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "card.json" in str(caught.value)


def test_what_a_card_lacks_is_named(tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text(json.dumps({"kind": "gender"}))
    card = read_card(tmp_path / "card.json", "gender")
    assert card.get("note") is None
    with pytest.raises(ModelError, match="says nothing of frame_px"):
        card["frame_px"]


def test_every_card_of_the_package_reads() -> None:
    cards = sorted(WEIGHTS.glob("*.json"))
    assert len(cards) > 5
    for path in cards:
        assert read_card(path)["sha256"] == json.loads(path.read_text())["sha256"]
