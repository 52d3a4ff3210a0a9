"""What of a finished run becomes shipped weights, one function for each kind of recipe.

Each writes the ONNX file and returns what is particular in its card.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from faceveil.data.packs import face_blocks
from faceveil.systems.adaptive import choose
from faceveil.systems.adaptive import train as adaptive
from faceveil.systems.editors import train_gender_an as gender_an
from faceveil.systems.editors import train_privacynet as privacynet
from faceveil.systems.editors.chosen import BEST
from faceveil.systems.editors.labels import names_of
from faceveil.systems.editors.network import Editor
from faceveil.systems.mixing.landmarks import INPUT, SIDE, SQUARE
from faceveil.systems.mixing.train_landmarks import LandmarkNet
from faceveil.systems.noise.input_gradient import LogitAndGradient
from faceveil.systems.san import train as san
from faceveil.systems.san.inference import SANInference
from faceveil.systems.san.prototypes import mean_faces
from faceveil.training import attributes, checkpoint, gender
from faceveil.training.config import (
    AdaptiveConfig,
    AttributesConfig,
    CandidateConfig,
    GenderANConfig,
    GenderConfig,
    LandmarkConfig,
    MatcherConfig,
    PrivacyNetConfig,
    SANConfig,
)
from faceveil.training.export import constants, export_onnx
from faceveil.training.matchers import ARCFACE_SIDE
from faceveil.training.networks.face_resnet import FaceResNet
from faceveil.training.networks.gender_cnn import GenderProbability

Card = dict[str, Any]
_HIDES = {"Male": "gender", "Young": "age", "Age_Under_30": "age", "White": "race"}
"""What one hides by changing a group, by its first label."""


class _Normalised(nn.Module):
    """Embeddings of unit length."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        return F.normalize(self.network(image), dim=1)


class _Probabilities(nn.Module):
    """Logits to probabilities."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        out: Tensor = self.network(image).sigmoid()
        return out


def ship_san(config: SANConfig, run: Path, target: Path, data: Path) -> Card:
    """A SAN, a member of an ensemble or a stage of FlowSAN, with its prototypes inside."""
    prototypes, male_share = mean_faces(face_blocks([data / n for n in config.data]))
    model = san.build(config, prototypes)
    checkpoint.load(run / "checkpoint.safetensors", {"san": model})
    side = config.frame
    faces, ones = torch.rand(2, 1, side, side), torch.ones(2)
    theta = torch.eye(2, 3).repeat(2, 1, 1)
    example = {"image": faces, "male": ones, "target": 0 * ones, "theta": theta}
    network = SANInference(model) if config.combiner_kernel == 1 else model
    export_onnx(network, example, "output", target, half=True)
    # The anchor is the start's, see the recipe.
    own = {k: v for k, v in model.state_dict().items() if "anchor" not in k}
    return {
        "kind": "protector",
        "title": "Semi-adversarial autoencoder (SAN, ICB 2018)",
        "frame_px": side,
        "smoothing_px": config.smoothing,
        "gain": config.gain,
        "safetensors_sha256": _safetensors(own, target),
        "male_share": round(male_share, 4),
        "parameters": sum(p.numel() for p in model.san.parameters()),  # the anchor is frozen
    }


def ship_editor(
    config: GenderANConfig | PrivacyNetConfig, run: Path, target: Path, _: Path
) -> Card:
    """The generator of Gender-AN or PrivacyNet."""
    editor: Editor
    if isinstance(config, GenderANConfig):
        title, groups, condition = (
            "Gender-AN (IEEE IoT Journal 2022)",
            config.attributes,
            "difference",
        )
        editor = gender_an.build(config)
    else:
        title, groups, condition = "PrivacyNet (IEEE TIP 2020)", config.groups, "labels"
        editor = privacynet.build(config)
    chosen = run / BEST if config.ship == "best" else run / "checkpoint.safetensors"
    if not chosen.is_file():  # nobody was asked to choose
        chosen = run / "checkpoint.safetensors"
    checkpoint.load(chosen, {"editor": editor})
    labels = len(names_of(groups))
    example = {
        "image": torch.rand(2, 3, config.frame, config.frame),
        "wanted": torch.rand(2, labels),
        "kept": torch.rand(2, labels),
    }
    export_onnx(editor, example, "output", target, half=True)
    return {
        "kind": "editor",
        "title": title,
        "frame_px": config.frame,
        "condition": condition,
        "groups": list(groups),
        "hides": {
            _HIDES[g.split("|")[0]]: k for k, g in enumerate(groups) if g.split("|")[0] in _HIDES
        },
        "estimator": config.labels.replace("-", "_"),
        "smoothing_px": config.smoothing,
        "gain": config.gain,
        "safetensors_sha256": _safetensors(editor.half().state_dict(), target),
        "parameters": sum(p.numel() for p in editor.parameters()),
    }


def ship_adaptive(config: AdaptiveConfig, run: Path, target: Path, _: Path) -> Card:
    """The residual editor of the default protector: the step that was chosen, else the last."""
    network = adaptive.build(config)
    chosen = run / choose.BEST
    last = run / "checkpoint.safetensors"
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
        "safetensors_sha256": _safetensors(network.state_dict(), target),
        "parameters": sum(p.numel() for p in network.parameters()),
    }


def ship_attributes(config: AttributesConfig, run: Path, target: Path, _: Path) -> Card:
    """An attribute classifier, which tells a protector what a face has."""
    with np.load(run / "labels.npz", allow_pickle=False) as file:
        names = [str(n) for n in file["names"]]
    network = attributes.build(config, len(names))
    checkpoint.load(run / "checkpoint.safetensors", {"network": network})
    example = {"image": torch.rand(2, 3, attributes.FRAME, attributes.FRAME)}
    export_onnx(_Probabilities(network), example, "p", target, half=True)
    return {
        "kind": "attributes",
        "title": "Attribute classifier: what a protector takes a face to have; never a judge",
        "frame_px": attributes.FRAME,
        "input": {"channels": "rgb", "scale": "0 to 1"},
        "attributes": names,
    }


def ship_gender(config: GenderConfig, run: Path, target: Path, _: Path) -> Card:
    """A gender classifier."""
    network = gender.build(config)
    checkpoint.load(run / "checkpoint.safetensors", {"network": network})
    channels = 1 if config.grey else 3
    example = {"image": torch.rand(2, channels, config.frame, config.frame)}
    reader = config.network in ("plain", "residual", "separable")
    export_onnx(GenderProbability(network), example, "p_male", target, half=reader)
    return {
        "kind": "gender",
        "title": "Gender classifier, P(male)",
        "frame_px": config.frame,
        "input": {"channels": "gray" if config.grey else "rgb", "scale": "0 to 1"},
    }


def ship_gradient(config: GenderConfig, run: Path, target: Path, _: Path) -> Card:
    """A gender classifier's logit and its gradient, for adversarial noise."""
    network = gender.build(config)
    checkpoint.load(run / "checkpoint.safetensors", {"network": network})
    channels = 1 if config.grey else 3
    example = {"image": torch.rand(2, channels, config.frame, config.frame)}
    export_onnx(LogitAndGradient(network), example, ("logit", "gradient"), target, half=True)
    return {
        "kind": "gradient",
        "title": "Gender classifier, logit of P(male) and its gradient",
        "frame_px": config.frame,
        "input": {"channels": "gray" if config.grey else "rgb", "scale": "0 to 1"},
    }


def ship_matcher(config: MatcherConfig, run: Path, target: Path, _: Path) -> Card:
    """A face matcher."""
    path = run / "checkpoint.safetensors"
    network = FaceResNet(_output_width(path), config.widths, config.blocks)
    checkpoint.load(path, {"network": network})
    example = {"image": torch.rand(2, 3, ARCFACE_SIDE, ARCFACE_SIDE)}
    export_onnx(_Normalised(network), example, "embedding", target)
    return {
        "kind": "matcher",
        "title": f"Face matcher distilled from {Path(config.teacher).stem}",
        "frame_px": ARCFACE_SIDE,
        "input": {"channels": "rgb", "scale": "0 to 1", "frame": "ArcFace 112"},
    }


def ship_landmarks(config: LandmarkConfig, run: Path, target: Path, _: Path) -> Card:
    """The network that finds 68 landmarks."""
    network = LandmarkNet(config)
    checkpoint.load(run / "checkpoint.safetensors", {"network": network})
    example = {"image": torch.rand(2, 3, INPUT, INPUT)}
    export_onnx(network, example, "points", target, half=True)
    return {
        "kind": "landmarks",
        "title": f"68 face landmarks, distilled from {Path(config.teacher).stem} (MIT)",
        "frame_px": INPUT,
        "input": {"channels": "rgb", "scale": "0 to 1", "square": [*SQUARE, SIDE]},
        "parameters": sum(p.numel() for p in network.parameters()),
    }


def ship_candidates(config: CandidateConfig, run: Path, target: Path, _: Path) -> Card:
    """The average faces that face mixing blends with."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes((run / "candidates.npz").read_bytes())
    return {
        "kind": "candidates",
        "title": f"Average faces for face mixing, each of at least {config.least} photos",
    }


def _safetensors(state: dict[str, Tensor], target: Path) -> str:
    """Write the weights for training on, beside the ONNX file; returns their digest."""
    path = target.with_suffix(".safetensors")
    save_file({k: v.contiguous() for k, v in state.items()}, path)
    path.chmod(0o644)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _output_width(path: Path) -> int:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        return int(file.get_slice("network.output.bias").get_shape()[0])
