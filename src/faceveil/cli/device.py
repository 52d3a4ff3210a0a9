"""``--device`` and ``--precision``, for all commands that run networks."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse._ActionsContainer) -> None:
    """Add both options to a parser or a group of one."""
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "openvino", "cuda"),
        default="auto",
        help="what networks run on; auto takes an NVIDIA GPU where onnxruntime-gpu offers one, "
        "else OpenVINO where the extra 'fast' is installed, else ONNX Runtime on the CPU (default)",
    )
    parser.add_argument(
        "--precision",
        choices=("float32", "bfloat16", "auto"),
        default="float32",
        help="of the networks that change faces; bfloat16 needs OpenVINO and a processor that has "
        "it; auto measures which one is quicker here (default: float32)",
    )
