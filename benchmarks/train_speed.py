"""Training speed: one SAN step here beside the official training loop written out plainly.

``python benchmarks/train_speed.py --models ../shared/models``

Both at the same size, batch, classifier, matcher and loss terms (matching on SM and OP, J_G on SM
and OP, L1 on SM), random weights and faces, on the same machine in turn. The plain loop is what the
authors' code does: float32, contiguous tensors, upsampling before convolution, the matcher on every
output, gradients kept for the frozen networks' weights too. VGG-Face's weights cannot be had, so
both use the same ONNX matcher.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from faceveil.systems.san.config import SANConfig
from faceveil.systems.san.losses import gender_loss, matching_loss
from faceveil.systems.san.network import SAN
from faceveil.systems.san.prototypes import PrototypeSAN
from faceveil.systems.san.semi_adversarial import Batch, SemiAdversarial
from faceveil.training.matchers import ArcFaceMatcher
from faceveil.training.networks.gender_cnn_variants import OfficialGenderCNN
from faceveil.training.networks.layout import channels_last


def batch(size: int, side: int) -> Batch:
    """Random faces."""
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(size, 1, side, side, generator=generator)
    male = (torch.arange(size) % 2).float()
    return Batch(image, image, male, torch.eye(2, 3).repeat(size, 1, 1))


def parts(models: Path, side: int, dtype: torch.dtype) -> tuple[nn.Module, nn.Module]:
    """Classifier and matcher, the same for both."""
    torch.manual_seed(1)
    matcher = ArcFaceMatcher(models / "insightface_mobilefacenet_y1.onnx", side, dtype)
    return OfficialGenderCNN().eval(), matcher


def plain_step(models: Path, size: int, side: int) -> Callable[[], None]:
    """The official loop, plainly."""
    torch.manual_seed(0)
    model = PrototypeSAN(SAN(rewrite=False), torch.rand(2, 3, side, side))
    classifier, matcher = parts(models, side, torch.float32)
    data = batch(size, side)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-4)

    def step() -> None:
        same_face, other_face = (model.prototype(m, data.theta) for m in (data.male, 1 - data.male))
        same = model.san(data.image, same_face, same_face)
        opposite = model.san(data.image, same_face, other_face)
        j_g = gender_loss(classifier(same), classifier(opposite), data.male)
        described: list[Tensor] = [matcher(x) for x in (data.image, same, opposite)]
        j_m = matching_loss(described[0], described[1], described[2], "mean")
        loss = j_g + 8 * j_m + (same - data.image).abs().mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def our_step(models: Path, size: int, side: int) -> Callable[[], None]:
    """The step of faceveil.training with the same terms."""
    torch.manual_seed(0)
    config = SANConfig("speed", "", (), views=False, frame=side, batch=size, match_on="mean")
    model = channels_last(PrototypeSAN(SAN(), torch.rand(2, 3, side, side)))
    classifier, matcher = parts(models, side, torch.bfloat16)
    classifier = channels_last(classifier).requires_grad_(False)
    objective = SemiAdversarial(config, model, [(classifier, side)], matcher)
    data = batch(size, side)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-4, betas=(0.5, 0.99))
    generator = torch.Generator().manual_seed(0)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        objective(data, generator)[0].backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def main() -> None:
    """Time both in turn and print images a second."""
    root = Path(__file__).parents[1]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--batch", type=int, default=8, help="the authors' code: 8")
    parser.add_argument("--output", type=Path, default=root / "benchmarks/results/train_speed.json")
    a = parser.parse_args()
    results = {}
    for side in (224, 128):
        steps = {
            "plain": plain_step(a.models, a.batch, side),
            "ours": our_step(a.models, a.batch, side),
        }
        for step in steps.values():
            step()
        times: dict[str, list[float]] = {name: [] for name in steps}
        for _ in range(a.repeats):
            for name, step in steps.items():  # in turn, so that both meet the same disturbances
                start = time.perf_counter()
                step()
                times[name].append(time.perf_counter() - start)
        rates = {name: a.batch / statistics.median(t) for name, t in times.items()}
        results[f"{side} px"] = {
            **{f"{k}, images a second": round(v, 2) for k, v in rates.items()},
            "ratio": round(rates["ours"] / rates["plain"], 2),
        }
        print(side, results[f"{side} px"])
    document = {
        "batch": a.batch,
        "repeats": a.repeats,
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "torch": torch.__version__,
        "machine": platform.machine(),
        "results": results,
    }
    a.output.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
