"""The default protector's run becomes shipped weights."""

from __future__ import annotations

from pathlib import Path

import torch

from faceveil.systems.adaptive.choose import BEST
from faceveil.systems.adaptive.config import AdaptiveConfig
from faceveil.systems.adaptive.train import build
from faceveil.training import checkpoint
from faceveil.training.export import constants, export_onnx, write_safetensors
from faceveil.training.recipes import Card


def ship(config: AdaptiveConfig, run: Path, target: Path, _: Path) -> Card:
    """Export the residual editor: the step that was chosen, else the last.

    See :data:`faceveil.training.recipes.Ship`.
    """
    network = build(config)
    chosen, last = run / BEST, run / "checkpoint.safetensors"
    step = checkpoint.load(chosen if chosen.is_file() else last, {"editor": network})
    example = {
        "image": torch.rand(2, 3, config.frame, config.frame),
        "target": torch.tensor([0.0, 1.0]),
    }
    export_onnx(network, example, "output", target, half=True)
    return {
        "kind": "adaptive",
        "title": "Residual editor, trained against attackers that learn along",
        "frame_px": config.frame,
        "smoothing_px": config.smoothing,
        "gain": config.gain,
        "chroma_smoothing_px": config.chroma_smoothing,
        "chroma_gain": config.chroma_gain,
        "even": config.lambda_mirror > 0,
        "chosen_step": step,
        "constants": constants("target", (0.0, 0.5, 1.0)),
        "safetensors_sha256": write_safetensors(network.state_dict(), target),
        "parameters": sum(p.numel() for p in network.parameters()),
    }
