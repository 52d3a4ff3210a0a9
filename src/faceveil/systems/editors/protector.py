"""Gender-AN and PrivacyNet at run time: a face, what it has, what it is to have -> a face."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from faceveil.errors import ModelError, OptionError
from faceveil.inference.device import Choice
from faceveil.inference.model import Model
from faceveil.protect.change import add_change, to_frame
from faceveil.systems.editors.labels import names_of, one_hot, wanted_labels
from faceveil.types import Float32Array, Float64Array, Target

HIDE = ("gender", "age", "race")
"""What can be hidden; which of them a method can is in its card."""


class AttributeEstimator:
    """P(attribute) of RGB canonical crops; it labels, as in training, and is never a judge.

    Args:
        weights: the ONNX file; its card lies beside it with the suffix ``.json``.
        wanted: the attributes to tell, in this order.
        choice: what the network runs on.

    Raises:
        ModelError: if the file or its card is missing, damaged, or lacks an attribute.
    """

    def __init__(self, weights: Path, wanted: Sequence[str], choice: Choice = Choice()) -> None:
        self._model = Model.load(weights, choice=choice.reference)
        names = list(self._model.card.get("attributes", ()))
        missing = [name for name in wanted if name not in names]
        if missing:
            raise ModelError(f"{weights}: does not tell {missing[0]!r}; reinstall faceveil")
        self.columns = [names.index(name) for name in wanted]

    def __call__(self, faces: Float32Array) -> Float32Array:
        """(N, 224, 224, 3) RGB in [0, 1] -> (N, wanted)."""
        small = to_frame(faces, self._model.frame)
        image = np.ascontiguousarray(small.transpose(0, 3, 1, 2))
        return self._model({"image": image})[:, self.columns]


class EditorProtector:
    """Protects RGB canonical crops by changing the attributes that give the person away.

    Args:
        weights: the ONNX file of the generator; its card lies beside it.
        hide: some of ``gender``, ``age``, ``race``.
        choice: what the network runs on.

    Raises:
        OptionError: if the method cannot hide one of them.
        ModelError: if a file or its card is missing, damaged, or of another kind.
    """

    channels = 3
    own_target: Target | None = "opposite"
    needs_gender = True
    replaces_face = False

    def __init__(
        self, weights: Path, hide: Sequence[str] = ("gender",), choice: Choice = Choice()
    ) -> None:
        # In float32 by ONNX Runtime whatever is chosen: nobody has measured other ways.
        self._model = Model.load(weights, "editor", choice.reference)
        self.card, self.frame = self._model.card, self._model.frame
        self.name = str(self.card["name"]).replace("_", "-")
        hides: dict[str, int] = self.card["hides"]
        for what in hide:
            if what not in hides:
                raise OptionError(
                    f"hide: {self.name} cannot hide {what!r}; expected some of {', '.join(hides)}"
                )
        self.hidden = [hides[what] for what in hide]
        self.groups: list[str] = self.card["groups"]
        self._estimate: Callable[[Float32Array], Float32Array] = self._nothing
        # Where only differences count, what is not to change need not be known.
        if self.card["condition"] == "labels" or any(k != hides["gender"] for k in self.hidden):
            estimator = weights.parent / f"{self.card['estimator']}.onnx"
            self._estimate = AttributeEstimator(estimator, names_of(self.groups), choice)
        self._p: Float32Array | None = None

    @property
    def runs_on(self) -> str:
        """What computes it; see :class:`faceveil.inference.model.Network`."""
        return self._model.runs_on

    def _nothing(self, faces: Float32Array) -> Float32Array:
        return np.zeros((len(faces), len(names_of(self.groups))), np.float32)

    def fix_for_person(
        self, faces: Float32Array, target: Float32Array, landmarks: Float64Array
    ) -> EditorProtector:
        """For a clip: the labels that a person has, from the mean over the first crops.

        Args:
            faces: (N, 224, 224, 3) the person's first crops, in [0, 1].
            target: makes no difference.
            landmarks: make no difference.
        """
        fixed = copy.copy(self)
        fixed._p = self._estimate(faces).mean(axis=0)
        return fixed

    def protect(
        self,
        faces: Float32Array,
        male: Float32Array,
        target: Float32Array,
        landmarks: Float64Array | None = None,
    ) -> Float32Array:
        """Protect a batch; see :class:`faceveil.protect.base.CropProtector`."""
        if len(faces) == 0:
            return faces.copy()
        p = self._estimate(faces) if self._p is None else np.tile(self._p, (len(faces), 1))
        gender = names_of(self.groups).index("Male")
        p[:, gender] = male  # the caller knows better
        source = one_hot(p, self.groups)
        wanted = wanted_labels(source, p, self.groups, self.hidden, male, target)
        if self.card["condition"] == "difference":
            wanted, source = wanted - source, np.zeros_like(source)
        small = to_frame(faces, self.frame)
        feed = {"image": np.ascontiguousarray(small.transpose(0, 3, 1, 2))}
        feed |= {"wanted": wanted.astype(np.float32), "kept": source.astype(np.float32)}
        out = self._model(feed).transpose(0, 2, 3, 1)
        change = np.ascontiguousarray(out - small)
        return add_change(faces, change, self.card["smoothing_px"], self.card["gain"])
