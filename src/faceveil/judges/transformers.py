"""A Transformers image classifier from a local folder as a gender judge. Nothing is downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from faceveil.errors import ModelError, OptionError
from faceveil.judges.base import JudgeInfo
from faceveil.judges.cache import digest
from faceveil.judges.python_object import CallableGenderJudge
from faceveil.own import first_line
from faceveil.types import Float32Array, Uint8Array

BATCH = 16
_MALE = ("male", "man", "men", "m")
_FEMALE = ("female", "woman", "women", "f")
_FILES = (".safetensors", ".bin", ".json")  # what the answers depend on


class TransformersGender(CallableGenderJudge):
    """P(male) against female of a classifier whose labels name the two.

    Args:
        folder: as ``save_pretrained`` writes it, with the image processor.

    Raises:
        OptionError: if the library or the folder is missing, or no labels say male and female.
        ModelError: if the folder holds no such model, or a damaged one.
    """

    def __init__(self, folder: str | Path) -> None:
        try:
            import torch
            from transformers import AutoImageProcessor, AutoModelForImageClassification
        except ImportError as error:
            raise OptionError(
                f"judge transformers: cannot be imported ({error}); expected: pip install "
                "transformers torch"
            ) from error
        place = Path(folder)
        if not str(folder) or not place.is_dir():
            raise OptionError(
                f"judge transformers: {folder or 'nothing'}: no such folder; expected "
                "transformers:FOLDER; download the model"
            )
        self._torch: Any = torch
        try:
            self._processor: Any = AutoImageProcessor.from_pretrained(place, local_files_only=True)
            self._model: Any = AutoModelForImageClassification.from_pretrained(
                place, local_files_only=True
            ).eval()
        except Exception as error:  # the library raises many unrelated classes
            raise ModelError(
                f"judge transformers: {folder}: {first_line(error)}; expected an image classifier "
                "and its processor, as save_pretrained writes them"
            ) from error
        labels = {int(k): str(v).lower() for k, v in self._model.config.id2label.items()}
        pair = [[k for k, v in labels.items() if v in names] for names in (_FEMALE, _MALE)]
        if [len(found) for found in pair] != [1, 1]:
            raise OptionError(
                f"judge transformers: {folder}: labels are {', '.join(labels.values())}; expected "
                f"one of {', '.join(_MALE)} and one of {', '.join(_FEMALE)} among them"
            )
        self._pair = [found[0] for found in pair]
        files = sorted(p for p in place.iterdir() if p.suffix in _FILES)
        name = place.resolve().name
        info = JudgeInfo(f"transformers:{name}", name, "the model's", "unknown")
        super().__init__(self._read, info, version=digest(*files) if files else "")

    def _read(self, crops: Uint8Array) -> Float32Array:
        parts = []
        for start in range(0, len(crops), BATCH):
            inputs = self._processor(images=list(crops[start : start + BATCH]), return_tensors="pt")
            with self._torch.inference_mode():
                logits = self._model(**inputs).logits[:, self._pair].float()
            parts.append(logits.softmax(-1)[:, 1].numpy())
        return np.concatenate(parts)
