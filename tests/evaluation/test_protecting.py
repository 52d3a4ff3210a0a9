"""An evaluation's protectors on crops and photos, and with other seeds."""

import shutil

import cv2
import numpy as np
import pytest

from faceveil.errors import ModelError
from faceveil.evaluation.protecting import (
    ProtectorSpec,
    protect_function,
    protected,
    redrawn,
)
from faceveil.evaluation.sets import FaceSet, crop_of
from faceveil.imaging.detect import CenterFace
from faceveil.inference.card import WEIGHTS


def test_photos_are_protected_again_too(portrait, tmp_path):
    """Another seed, another target: the crops of one photo differ, those of another seed too."""

    cv2.imwrite(str(tmp_path / "p.png"), portrait[..., ::-1])
    detector = CenterFace()
    face = detector.detect(portrait)[0]
    one = np.zeros(1, np.int64)
    crops = crop_of(portrait, face)[None]
    faces = FaceSet("p", crops, one.astype(np.uint8), one, photos=((tmp_path / "p.png", face),))
    spec = ProtectorSpec("san", target="random")
    drawn = [protected(faces, spec, 1.0, detector, 1, seed)[0] for seed in range(6)]
    assert len({d.tobytes() for d in drawn}) == 2  # towards male or female
    assert np.array_equal(drawn[0], protected(faces, spec, 1.0, detector, 1, 0)[0])


def test_versions_only_of_who_draws_anew():
    """Each is made when asked for, by its own seed; none of a protector that draws nothing."""
    asked = []

    def coin(rows, seed):
        asked.append(seed)
        return np.random.default_rng(seed).integers(0, 256, (len(rows), 4), np.uint8)

    again = redrawn(coin, 20, seed=5, versions=4)
    assert asked == [5, 6]  # tried on a few faces
    assert [len(version) for version in again] == [20] * 3
    assert asked[2:] == [6, 7, 8]
    assert list(redrawn(lambda rows, seed: np.zeros((len(rows), 4)), 20, 5, 4)) == []
    assert list(redrawn(coin, 20, 5, 1)) == []


def test_weights_of_ones_own(tmp_path):
    """A copy of other weights under the method's name gives what these give."""
    for end in (".onnx", ".json"):
        shutil.copy(WEIGHTS / f"ensemble_2{end}", tmp_path / f"san{end}")
    crops = np.random.default_rng(0).integers(0, 256, (2, 224, 224), np.uint8)
    male = np.array([0, 1], np.uint8)
    own, shipped = (
        protect_function(ProtectorSpec("san", weights=folder), 1.0, 1)(crops, male)
        for folder in (tmp_path, None)
    )
    assert not np.array_equal(own, shipped)
    with pytest.raises(ModelError, match="flowsan_1"):
        protect_function(ProtectorSpec("flowsan", weights=tmp_path, stages=1), 1.0, 1)
