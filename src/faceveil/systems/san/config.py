"""Recipes: the SAN family."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from faceveil.data.selection import Selected


@dataclass(frozen=True, slots=True)
class SANConfig(Selected):
    """The semi-adversarial autoencoder."""

    name: str
    matcher: str
    classifiers: tuple[str, ...]
    kind: Literal["san"] = "san"
    data: tuple[str, ...] = ()
    validation: str = "celeba128-val.parquet"
    matcher_range: tuple[float, ...] = (0.0, 255.0)  # what an ONNX matcher takes for black, white
    frame: int = 128  # the paper's is 224
    prototype_channels: int = 3  # RGB prototypes as in the paper; 1 for grey ones
    prototype_scale: float = 1.0  # of the combiner's prototype weights; see systems/san/network.py
    combiner_kernel: int = 1  # the authors' code
    leak: float = 0.01  # slope of the leaky ReLUs: PyTorch's, the authors' code; Keras' is 0.3
    pretrain_loss: Literal["bce_sum", "bce_mean", "l1", "marino2019"] = (
        "bce_mean"  # eq. (2), scaled by 1/pixels
    )
    pretrain_steps: int = 1500  # 0: none, as in the authors' code
    pretrain_epochs: float = 0.0  # in place of pretrain_steps
    pretrain_batch: int = 0  # 0: the batch of the further training
    pretrain_peak: float = 3e-3  # ours; the authors' code keeps one rate
    pretrain_optimizer: Literal["adam", "adadelta"] = "adam"  # Keras' code: adadelta
    pretrain_whole: bool = False  # on all faces, whatever [data] selects for the further training
    dissimilarity: Literal["bce_sum", "bce_mean", "l1"] = "l1"  # the authors' code keeps L1
    lambda_d: float = 1.0
    lambda_d_opposite: float = 0.0  # L1 on the opposite output too; ours
    lambda_g: float = 1.0
    lambda_m: float = 8.0  # the authors' code, of a sum over a batch of 8
    match_on: Literal["sm", "op", "mean"] = "mean"  # the authors' code; FlowSAN eq. (4): op
    match_reduction: Literal["mean", "sum"] = "mean"  # over the batch; the authors' code: sum
    match_unit: bool = True  # descriptors of unit length, as in the authors' code; not in Keras'
    match_after: float = 0.0  # epochs without J_M at first; the authors' code: 5
    opposite_label: Literal["flipped", "reversed_batch"] = (
        "flipped"  # eq. (3); the Keras code reverses the batch's order in place of the labels
    )
    views: bool = True  # random views of the outputs before the classifiers; ours
    same_share: float = 1.0  # share of a batch whose SM outputs the classifiers read; below 1: ours
    match_share: float = 1.0  # share of a batch that the matcher reads; below 1: ours, for speed
    match_views: bool = False  # small random views before the matcher, alike for both; ours
    match_scale: float = 0.08  # log-scale of those views; ours
    match_blur: float = 0.3  # their chance of a blur; ours
    start: str = ""  # run whose SAN this one starts from, in place of pre-training
    after: tuple[str, ...] = ()  # FlowSAN: runs of SAN_1 .. SAN_{i-1}, which transform the data
    dissimilarity_to: Literal["original", "input", "none"] = "original"  # FlowSAN 3.2, scheme 3
    anchored: bool = False  # the change counts from the pre-trained autoencoder's output; ours
    network_smoothing: float = 0.0  # sigma of the change inside the network, px of 224; ours
    crop: int = 0  # random shift of image and prototypes together, pixels of the frame
    flip: Literal["together", "image", "none"] = (
        "together"  # half of the faces mirrored; the authors' loader leaves prototypes as they are
    )
    alignment: Literal["jittered", "faces"] = (
        "jittered"  # prototypes; "faces": warped to each face's landmarks, as the authors' are
    )
    landmarks: float = 0.5  # share of a batch whose prototypes are jittered
    smoothing: float = 1.6  # sigma of the shipped change, px of 224; ours, chosen on celeba128-val
    gain: float = 1.0  # factor of the shipped change after smoothing; ours, chosen likewise
    draw: Literal["random", "epochs"] = "random"  # faces of a step; "epochs": each once an epoch
    batch: int = 24
    steps: int = 2500
    epochs: float = 0.0  # in place of steps
    peak: float = 2e-3
    schedule: Literal["one_cycle", "constant"] = "one_cycle"  # the authors' code: constant
    betas: tuple[float, ...] = (0.5, 0.99)  # of Adam; the authors' code: (0.9, 0.999)
    seed: int = 2
