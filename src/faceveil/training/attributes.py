"""Recipe: an attribute classifier, whose labels fill in what a data set does not say.

Gender-AN and PrivacyNet need the attributes of every face that they are trained on. Where only a
part of a pack has them, this classifier is trained on that part, measured on people held out of it,
and labels the rest. It serves training only: it is no judge.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from faceveil.data.attributes import AttributeTable, attributes_of, columns_of, read_attributes
from faceveil.data.packs import Pack, load_packs
from faceveil.errors import OptionError
from faceveil.training import checkpoint, loop
from faceveil.training.augment import random_view
from faceveil.training.classifiers import AttributesConfig
from faceveil.training.export import export_onnx, measured_in
from faceveil.training.faces import as_batch, outputs_of
from faceveil.training.networks.face_resnet import FaceResNet
from faceveil.training.networks.layout import channels_last
from faceveil.training.recipes import Card
from faceveil.types import Float32Array

FRAME = 112
GENDER = "Male"
OWN_COLUMNS = "columns"
"""In a recipe, in place of an attribute list: age and race are columns of the packs."""


def build(config: AttributesConfig, attributes: int) -> nn.Module:
    """The untrained network: crops (N, 3, 112, 112) RGB in [0, 1] -> logits (N, attributes)."""
    return FaceResNet(attributes, config.widths, dropout=config.dropout)


def train(
    config: AttributesConfig, data: Path, _: Path, output: Path, device: str = "cpu"
) -> dict[str, float]:
    """Train the classifier, measure it on people held out, and label the target packs.

    Half of a batch has all labels; the other half is of the packs' other faces, of which only the
    gender is known and learned.

    Args:
        config: the recipe.
        data: folder of the packs and of the attribute list.
        output: folder for checkpoint, log, and ``labels.npz``: the attributes' ``names``, and for
            each target pack the probabilities (N, A), 0 or 1 where the list says it.
        device: ``cpu`` or ``cuda``.

    Returns:
        Accuracy of each attribute on the held-out faces, their mean, and the mean accuracy of
        always giving the commoner answer.

    Raises:
        OptionError: if a pack has no column ``source`` or the list no column ``Male``.
    """
    torch.manual_seed(config.seed)
    pack = load_packs([data / name for name in config.data])
    if config.attributes == OWN_COLUMNS:
        listed, row = attributes_of(pack), np.arange(len(pack))
    else:
        listed = read_attributes(data / config.attributes)
        row = _rows(pack, listed, config.data[0])
    gender_column = columns_of(data / config.attributes, listed.names, (GENDER,))[0]
    held, kept = _held_out(pack, row, config)
    others = torch.from_numpy(np.flatnonzero(row < 0))
    kept_rows = torch.from_numpy(kept)
    known = torch.from_numpy(listed.values)
    network = channels_last(build(config, len(listed.names)), device)
    half = config.batch // 2

    def step(_: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        labelled = kept_rows[torch.randint(len(kept_rows), (half,), generator=generator)]
        rows = labelled
        if len(others):
            more = others[torch.randint(len(others), (half,), generator=generator)]
            rows = torch.cat([labelled, more])
        x = random_view(
            as_batch(pack.images, rows).to(device),
            generator,
            degrees=10,
            scale=0.12,
            shift=0.06,
            blur=0.3,
            tone=config.tone,
            size=FRAME,
        )
        with torch.autocast(device, torch.bfloat16):
            logits = network(x.contiguous(memory_format=torch.channels_last)).float()
        wanted = known[torch.from_numpy(row)[labelled]].to(device)
        loss = F.binary_cross_entropy_with_logits(logits[:half], wanted)
        if len(others):
            male = torch.from_numpy(pack.male)[rows[half:]].to(device)
            loss = loss + config.gender_weight * F.binary_cross_entropy_with_logits(
                logits[half:, gender_column], male
            )
        return loss, {"loss": float(loss.detach())}

    loop.fit(
        network,
        step,
        output,
        steps=config.steps,
        peak=config.peak,
        seed=config.seed,
        weight_decay=5e-2,
    )
    measured = _accuracy(probabilities(network, pack.images, device, held), listed, row[held])
    known_here = config.attributes != OWN_COLUMNS
    labels = {n: _label(data / n, listed, network, device, known_here) for n in config.label}
    np.savez_compressed(
        output / "labels.npz",
        names=np.array(listed.names),
        **labels,  # type: ignore[arg-type]
    )
    return measured


class _Probabilities(nn.Module):
    """Logits to probabilities."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        out: Tensor = self.network(image).sigmoid()
        return out


def ship(config: AttributesConfig, run: Path, target: Path, _: Path) -> Card:
    """Export what tells a protector what a face has; see :mod:`faceveil.training.recipes`."""
    with np.load(run / "labels.npz", allow_pickle=False) as file:
        names = [str(n) for n in file["names"]]
    network = build(config, len(names))
    checkpoint.load(run / "checkpoint.safetensors", {"network": network})
    example = {"image": torch.rand(2, 3, FRAME, FRAME)}
    export_onnx(_Probabilities(network), example, "p", target, half=True)
    return {
        "kind": "attributes",
        "title": "Attribute classifier: what a protector takes a face to have; never a judge",
        "frame_px": FRAME,
        "input": {"channels": "rgb", "scale": "0 to 1"},
        "attributes": names,
        "measured": {"held-out people of the training packs": measured_in(run)},
    }


def read_labels(run: Path, packs: tuple[str, ...], wanted: tuple[str, ...]) -> Float32Array:
    """What a finished run says of packs: (N, len(wanted)) probabilities, packs one after another.

    Raises:
        OptionError: if the run is not there, or has no labels of a pack or an attribute.
    """
    path = run / "labels.npz"
    if not path.is_file():
        raise OptionError(f"{path}: no such file; run the recipe {run.name!r} first")
    with np.load(path, allow_pickle=False) as file:
        missing = [name for name in packs if name not in file]
        if missing:
            raise OptionError(f"{path}: no labels for {missing[0]}; add it to the recipe's label")
        names = tuple(map(str, file["names"]))
        chosen = columns_of(path, names, wanted)
        return np.concatenate([file[name][:, chosen] for name in packs]).astype(np.float32)


def probabilities(
    network: nn.Module,
    images: np.ndarray,
    device: str,
    rows: NDArray[np.int64] | None = None,
) -> Float32Array:
    """P(attribute) of all faces or of some rows: (N, S, S, 3) uint8 -> (N or rows, A)."""
    out = outputs_of(network, images, FRAME, device, rows).sigmoid()
    return np.asarray(out.numpy(), np.float32)


def _rows(pack: Pack, listed: AttributeTable, name: str) -> NDArray[np.int64]:
    if "source" not in pack.columns:
        raise OptionError(f"{name}: no column 'source'; attributes are listed by file name")
    return listed.of(pack.columns["source"])


def _held_out(
    pack: Pack, row: NDArray[np.int64], config: AttributesConfig
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Listed faces of some people to measure on, and the listed faces of all others."""
    listed = np.flatnonzero(row >= 0)
    if len(listed) < 2:
        raise OptionError(f"{config.attributes}: lists {len(listed)} of the packs' faces")
    people = pack.identity if len(pack.identity) else np.arange(len(pack))
    order = np.random.default_rng(config.seed).permutation(np.unique(people[listed]))
    chosen = order[: max(1, round(config.held_out * len(order)))]
    outside = np.isin(people, chosen)
    return listed[outside[listed]], listed[~outside[listed]]


def _accuracy(p: Float32Array, listed: AttributeTable, row: NDArray[np.int64]) -> dict[str, float]:
    truth = listed.values[row] > 0.5
    right = ((p > 0.5) == truth).mean(axis=0)
    share = truth.mean(axis=0)
    measured = {"mean": float(right.mean()), "commoner": float(np.maximum(share, 1 - share).mean())}
    return measured | {n: float(v) for n, v in zip(listed.names, right, strict=True)}


def _label(
    path: Path, listed: AttributeTable, network: nn.Module, device: str, by_name: bool
) -> Float32Array:
    pack = load_packs([path])
    p = probabilities(network, pack.images, device)
    if GENDER in listed.names:
        p[:, listed.names.index(GENDER)] = pack.male
    if by_name:
        row = _rows(pack, listed, path.name)
        p[row >= 0] = listed.values[row[row >= 0]]
    elif {"age", "race"} <= pack.columns.keys():
        p = attributes_of(pack).values
    return p
