"""The public API is frozen: a change here is a change for users, and goes into the CHANGELOG."""

import dataclasses
import inspect

import pytest

import faceveil


def test_names():
    assert faceveil.__all__ == [
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
    assert all(hasattr(faceveil, name) for name in faceveil.__all__)


def test_signatures():
    def names(function):
        return list(inspect.signature(function).parameters)

    assert names(faceveil.load_protector) == [
        "name", "detector", "threads", "weights", "stages", "combine", "hide", "seed",
        "device", "precision",
    ]  # fmt: skip
    assert names(faceveil.register) == ["name", "made"]
    assert names(faceveil.check) == [
        "original", "protected", "detector", "target", "key", "person", "faces",
    ]  # fmt: skip
    assert names(faceveil.Protector.protect_photo) == [
        "self", "photo", "faces", "gender", "target", "strength", "seed", "aligned",
        "key", "person", "doubtful",
    ]  # fmt: skip
    assert names(faceveil.Protector.protect_crops) == [
        "self", "crops", "genders", "target", "strength", "seed", "key",
    ]  # fmt: skip


def test_unknown_name():
    with pytest.raises(AttributeError, match="nothing"):
        faceveil.nothing  # noqa: B018


def test_fields():
    def names(cls):
        return [field.name for field in dataclasses.fields(cls)]

    assert names(faceveil.Face) == ["box", "landmarks", "score", "number"]
    assert names(faceveil.ProtectedPhoto) == ["image", "faces", "left", "doubtful"]
