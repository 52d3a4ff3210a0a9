"""A Transformers image classifier from a local folder as a gender judge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from faceveil.errors import OptionError
from faceveil.judges.base import JudgeInfo
from faceveil.types import Float32Array, Uint8Array

_MALE = ("male", "man", "men", "m")


class TransformersGender:
    """P(male) of a classifier whose labels name the genders. Nothing is downloaded.

    Args:
        folder: as ``save_pretrained`` writes it.

    Raises:
        OptionError: if the library is missing, the folder is no model, or no label says male.
    """

    def __init__(self, folder: Path) -> None:
        try:
            import torch
            from transformers import AutoImageProcessor, AutoModelForImageClassification
        except ImportError as error:
            raise OptionError(
                "judge transformers: not installed; expected: pip install transformers torch"
            ) from error
        if not folder.is_dir():
            raise OptionError(f"judge transformers: {folder}: no such folder; download the model")
        self._torch: Any = torch
        self._processor: Any = AutoImageProcessor.from_pretrained(folder, local_files_only=True)
        self._model: Any = AutoModelForImageClassification.from_pretrained(
            folder, local_files_only=True
        ).eval()
        labels = {int(k): str(v).lower() for k, v in self._model.config.id2label.items()}
        found = [k for k, v in labels.items() if v in _MALE]
        if len(found) != 1:
            raise OptionError(
                f"judge transformers: {folder}: labels are {', '.join(labels.values())}; expected "
                f"one of {', '.join(_MALE)} among them"
            )
        self._male = found[0]
        self.info = JudgeInfo(
            f"transformers:{folder.name}", str(folder.name), "the model's", "unknown"
        )

    def p_male(self, crops: Uint8Array) -> Float32Array:
        """P(male) in [0, 1]: (N, 224, 224, 3) uint8 RGB -> (N,) float32."""
        parts = []
        for start in range(0, len(crops), 16):
            inputs = self._processor(images=list(crops[start : start + 16]), return_tensors="pt")
            with self._torch.no_grad():
                p = self._model(**inputs).logits.softmax(-1)[:, self._male]
            parts.append(np.asarray(p.numpy(), np.float32))
        return np.concatenate(parts) if parts else np.empty(0, np.float32)
