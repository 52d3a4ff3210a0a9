"""From a trained run to what the package ships: ONNX, and a card that says where it comes from."""

from __future__ import annotations

import copy
import hashlib
import json
import logging
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from faceveil.data.packs import sha256_of
from faceveil.training.recipes import Card, Config

TERMS = {
    "celeba": "CelebA: images and labels for non-commercial research purposes",
    "fairface": "FairFace: images and labels, CC BY 4.0",
    "lfw": "LFW: images for research",
    "utkface": "UTKFace: images and labels for non-commercial research purposes",
}


def export_onnx(
    network: nn.Module,
    example: dict[str, Tensor],
    outputs: str | tuple[str, ...],
    path: Path,
    *,
    half: bool = False,
) -> None:
    """Write a network as ONNX with a free batch dimension.

    Args:
        network: the network, in evaluation mode; its forward takes the example's values in order.
        example: inputs by name, with a batch of at least 2.
        outputs: name of the one output, or names of all.
        path: the ``.onnx`` file.
        half: keep large weights in 16 bits, half the size; they are widened when the file is
            loaded, so the arithmetic stays in 32 bits.
    """
    network = copy.deepcopy(network).eval().cpu().float()
    for parameter in network.parameters():
        parameter.data = parameter.data.contiguous()
    batch = torch.export.Dim("batch", min=1)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    program = torch.onnx.export(
        network,
        tuple(example.values()),
        dynamo=True,
        input_names=list(example),
        output_names=[outputs] if isinstance(outputs, str) else list(outputs),
        dynamic_shapes=tuple({0: batch} for _ in example),
        opset_version=18,
        verbose=False,
    )
    if program is None:
        raise RuntimeError("torch.onnx.export returned nothing")
    program.optimize()
    model = program.model_proto
    # Traces of the exporting machine (file names, stack traces) have no place in a shipped model.
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for group in (model.metadata_props, model.graph.metadata_props):
        del group[:]
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output):
        del value.metadata_props[:]
    if half:
        _halve(model)
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())


def _halve(model: onnx.ModelProto) -> None:
    """Store large float32 initialisers as float16 with a Cast, which runtimes fold at load."""
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT and len(tensor.raw_data) >= 4096:
            values = onnx.numpy_helper.to_array(tensor)
            name, stored = tensor.name, f"{tensor.name}.half"
            tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), stored))
            casts.append(onnx.helper.make_node("Cast", [stored], [name], to=onnx.TensorProto.FLOAT))
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*casts, *nodes])


def constants(name: str, values: Sequence[float]) -> dict[str, dict[str, str]]:
    """What makes an input of an exported network a constant, for its card.

    Serialised messages put one behind the other are one message: repeated fields (initialisers) are
    joined, and of single ones (the version of the format) the last one holds. In the format before
    its version 4, an input that an initialiser names is no input but a constant. So the file's
    bytes with these behind them are the same network with the input fixed, and whoever loads it
    can work out beforehand what depends on that input alone.

    Args:
        name: an input of shape (N,), float32.
        values: what it may be fixed to.

    Returns:
        For each input and each value as :class:`str`, bytes in hexadecimal digits.
    """
    found = {}
    for value in map(float, values):
        message = onnx.ModelProto(ir_version=3)
        number = np.array([value], np.float32)
        message.graph.initializer.append(onnx.numpy_helper.from_array(number, name))
        found[str(value)] = message.SerializeToString(deterministic=True).hex()
    return {name: found}


def write_safetensors(state: dict[str, Tensor], target: Path) -> str:
    """Write the weights for training on, beside the ONNX file; returns their digest."""
    path = target.with_suffix(".safetensors")
    save_file({k: v.contiguous() for k, v in state.items()}, path)
    path.chmod(0o644)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def measured_in(run: Path) -> dict[str, float]:
    """What a finished run measured at its end."""
    measured: dict[str, float] = json.loads((run / "measured.json").read_text())
    return measured


def write_card(weights: Path, config: Config, card: Card, data_folder: Path) -> None:
    """Write the card beside the weights.

    Args:
        weights: the exported file, whose digest and size go into the card.
        config: the recipe, kept whole.
        card: what is particular: name, kind, title, measured results.
        data_folder: folder of the packs that the recipe names; their digests go into the card.
    """
    data = weights.read_bytes()
    terms = sorted({v for k, v in TERMS.items() if any(k in name for name in config.data)})
    full = {
        "name": weights.stem,
        **card,
        "licence": "MIT for the weights as FaceVeil's own work; the data's terms below apply",
        "data": sha256_of([data_folder / name for name in config.data]),
        "terms": terms,
        "recipe": asdict(config),
        "seed": config.seed,
        "made_with": {"torch": torch.__version__, "python": platform.python_version()},
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    weights.with_suffix(".json").write_text(json.dumps(full, indent=1) + "\n")
