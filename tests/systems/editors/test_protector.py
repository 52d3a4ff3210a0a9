"""Editors of attributes in clips, with an estimator and a network whose answers are known."""

import numpy as np

from faceveil.systems.editors.protector import EditorProtector


class Network:
    """Adds a tenth of the wanted second label to every pixel."""

    def __call__(self, feed):
        return feed["image"] + 0.1 * feed["wanted"][:, 1, None, None, None]


def made():
    editor = EditorProtector.__new__(EditorProtector)
    editor.groups, editor.hidden, editor.frame = ["Male", "Young"], [0], 224
    editor.card = {"condition": "absolute", "smoothing_px": 0, "gain": 1.0}
    # "Young" follows the light of the face: single frames lie on either side of a half.
    editor._estimate = lambda faces: np.stack(
        [np.full(len(faces), 0.9), faces.mean(axis=(1, 2, 3))], axis=1
    ).astype(np.float32)
    editor._model, editor._p = Network(), None
    return editor


def test_a_clip_labels_a_person_once():
    faces = np.stack([np.full((224, 224, 3), v, np.float32) for v in (0.45, 0.6, 0.55)])
    male, target = np.ones(3, np.float32), np.zeros(3, np.float32)
    moved = (made().protect(faces, male, target) - faces).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(moved, [0, 0.1, 0.1], atol=1e-4)
    fixed = made().fix_for_person(faces, target[:1], np.zeros((3, 5, 2)))
    moved = (fixed.protect(faces, male, target) - faces).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(moved, [0.1, 0.1, 0.1], atol=1e-4)
