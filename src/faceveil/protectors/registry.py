"""Protectors by name. A new system is one line here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from faceveil.errors import OptionError
from faceveil.protectors.base import CropProtector
from faceveil.protectors.san import SANProtector
from faceveil.runtime.session import WEIGHTS

_BUILDERS: dict[str, Callable[[Path, int], CropProtector]] = {
    "san": lambda folder, threads: SANProtector(folder / "san.onnx", threads),
}


def list_protectors() -> list[str]:
    """Names that :func:`faceveil.load_protector` takes."""
    return sorted(_BUILDERS)


def build_crop_protector(
    name: str, *, threads: int = 0, weights: Path | None = None
) -> CropProtector:
    """The crop protector of that name.

    Args:
        name: one of :func:`list_protectors`.
        threads: threads inside one operator; 0 takes all cores.
        weights: folder of models in place of the package's own.

    Raises:
        OptionError: if there is no protector of that name.
        ModelError: if its weights are missing or damaged.
    """
    if name not in _BUILDERS:
        raise OptionError(f"method: got {name!r}; expected one of {', '.join(list_protectors())}")
    return _BUILDERS[name](weights or WEIGHTS, threads)
