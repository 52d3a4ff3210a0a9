"""FaceVeil: soft-biometric privacy for face photos.

The public API, and nothing else. Heavy parts load when they are first used.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from faceveil.errors import FaceVeilError
from faceveil.types import Face, Gender, ProtectedFace, ProtectedPhoto, Target

if TYPE_CHECKING:
    from faceveil.api import check, list_protectors, load_protector, register
    from faceveil.evaluation.check import FaceCheck, PhotoCheck
    from faceveil.protect.protector import Protector
    from faceveil.version import __version__

# ONNX Runtime (1.31 does) writes an identifier of this machine into the user's folder and sends
# events to its maker, unless this is set before it is first imported. No wish of the user's can be
# behind another value: FaceVeil promises that nothing leaves the machine.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

_LAZY = {
    "check": "faceveil.api",
    "list_protectors": "faceveil.api",
    "load_protector": "faceveil.api",
    "register": "faceveil.api",
    "FaceCheck": "faceveil.evaluation.check",
    "PhotoCheck": "faceveil.evaluation.check",
    "Protector": "faceveil.protect.protector",
    "__version__": "faceveil.version",
}

__all__ = [
    "Face",
    "FaceCheck",
    "FaceVeilError",
    "Gender",
    "PhotoCheck",
    "ProtectedFace",
    "ProtectedPhoto",
    "Protector",
    "Target",
    "__version__",
    "check",
    "list_protectors",
    "load_protector",
    "register",
]


def __getattr__(name: str) -> Any:
    """Import the heavy parts of the API when they are first asked for."""
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'faceveil' has no attribute {name!r}")
