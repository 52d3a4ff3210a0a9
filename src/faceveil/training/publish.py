"""``python -m faceveil.training.publish RECIPE.toml``: a finished run becomes shipped weights.

Measured results that need judges are added to the card by ``benchmarks/judge_table.py``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from faceveil.data.packs import load_packs
from faceveil.imaging.landmarks import INPUT, SIDE, SQUARE
from faceveil.networks.face_resnet import FaceResNet
from faceveil.networks.gender_cnn import GenderProbability
from faceveil.networks.prototypes import mean_faces
from faceveil.training import checkpoint, gender, san
from faceveil.training.config import (
    CandidateConfig,
    GenderConfig,
    LandmarkConfig,
    MatcherConfig,
    SANConfig,
    load_config,
)
from faceveil.training.export import export_onnx, write_card
from faceveil.training.landmarks import LandmarkNet
from faceveil.training.matchers import ARCFACE_SIDE


class _Normalised(nn.Module):
    """Embeddings of unit length."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        return F.normalize(self.network(image), dim=1)


def publish(recipe: Path, runs: Path, data: Path, weights: Path, name: str | None = None) -> Path:
    """Export a finished run and write its card.

    Args:
        recipe: the recipe that was run.
        runs: folder of all runs.
        data: folder of the packs; needed for the prototypes and class shares of a SAN.
        weights: folder to write to.
        name: name of the weights; the recipe's, with underscores, where None.

    Returns:
        The ONNX file.
    """
    config = load_config(recipe)
    run = runs / config.name
    target = weights / f"{name or config.name.replace('-', '_')}.onnx"
    measured = json.loads((run / "measured.json").read_text())
    checkpoint_file = run / "checkpoint.safetensors"
    card: dict[str, Any]
    if isinstance(config, SANConfig):
        pack = load_packs([data / n for n in config.data])
        model = san.build(config, mean_faces(pack))
        checkpoint.load(checkpoint_file, {"san": model})
        side = config.frame
        faces, ones = torch.rand(2, 1, side, side), torch.ones(2)
        theta = torch.eye(2, 3).repeat(2, 1, 1)
        example = {"image": faces, "male": ones, "target": 0 * ones, "theta": theta}
        export_onnx(model, example, "output", target, half=True)
        # For training on from the shipped weights; the anchor is the start's, see the recipe.
        own = {k: v.contiguous() for k, v in model.state_dict().items() if "anchor" not in k}
        save_file(own, target.with_suffix(".safetensors"))
        target.with_suffix(".safetensors").chmod(0o644)
        card = {
            "kind": "protector",
            "title": "Semi-adversarial autoencoder (SAN, ICB 2018)",
            "frame_px": side,
            "smoothing_px": config.smoothing,
            "gain": config.gain,
            "safetensors_sha256": hashlib.sha256(
                target.with_suffix(".safetensors").read_bytes()
            ).hexdigest(),
            "male_share": round(float(pack.male.mean()), 4),
            "parameters": sum(p.numel() for p in model.parameters()),
        }
    elif isinstance(config, GenderConfig):
        network = gender.build(config)
        checkpoint.load(checkpoint_file, {"network": network})
        channels = 1 if config.grey else 3
        example = {"image": torch.rand(2, channels, config.frame, config.frame)}
        export_onnx(GenderProbability(network), example, "p_male", target)
        card = {
            "kind": "gender",
            "title": "Gender classifier, P(male)",
            "frame_px": config.frame,
            "input": {"channels": "gray" if config.grey else "rgb", "scale": "0 to 1"},
            "measured": {config.validation: measured},
        }
    elif isinstance(config, LandmarkConfig):
        network = LandmarkNet(config)
        checkpoint.load(checkpoint_file, {"network": network})
        example = {"image": torch.rand(2, 3, INPUT, INPUT)}
        export_onnx(network, example, "points", target, half=True)
        card = {
            "kind": "landmarks",
            "title": f"68 face landmarks, distilled from {Path(config.teacher).stem} (MIT)",
            "frame_px": INPUT,
            "input": {"channels": "rgb", "scale": "0 to 1", "square": [*SQUARE, SIDE]},
            "parameters": sum(p.numel() for p in network.parameters()),
            "measured": {config.validation: measured},
        }
    elif isinstance(config, CandidateConfig):
        target = target.with_suffix(".npz")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((run / "candidates.npz").read_bytes())
        card = {
            "kind": "candidates",
            "title": f"Average faces for face mixing, each of at least {config.least} photos",
            "measured": {"faces averaged": measured},
        }
    else:
        assert isinstance(config, MatcherConfig)
        width = _output_width(checkpoint_file)
        network = FaceResNet(width, config.widths, config.blocks)
        checkpoint.load(checkpoint_file, {"network": network})
        example = {"image": torch.rand(2, 3, ARCFACE_SIDE, ARCFACE_SIDE)}
        export_onnx(_Normalised(network), example, "embedding", target)
        card = {
            "kind": "matcher",
            "title": f"Face matcher distilled from {Path(config.teacher).stem}",
            "frame_px": ARCFACE_SIDE,
            "input": {"channels": "rgb", "scale": "0 to 1", "frame": "ArcFace 112"},
            "thresholds": {f: measured[f"student_threshold@{f}"] for f in ("0.01", "0.001")},
            "measured": {config.validation: measured},
        }
    write_card(target, config, card, data)
    return target


def _output_width(path: Path) -> int:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        return int(file.get_slice("network.output.bias").get_shape()[0])


def main() -> None:
    """Parse the command line and publish."""
    parser = argparse.ArgumentParser(prog="faceveil.training.publish", description=__doc__)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--weights", type=Path, default=Path("src/faceveil/weights"))
    parser.add_argument("--name")
    a = parser.parse_args()
    print(publish(a.recipe, a.runs, a.data, a.weights, a.name))


if __name__ == "__main__":
    main()
