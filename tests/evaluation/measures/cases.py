"""Cases whose answers a test can foresee: men are bright, women dark."""

import numpy as np

from faceveil.evaluation.case import Case
from faceveil.evaluation.measures.adversaries import attack
from faceveil.evaluation.sets import FaceSet
from tests.evaluation.fakes import BrightnessJudge, PatchMatcher, as_patches, people


def nothing(crops, male):
    """A broken protector."""
    return crops


def invert(crops, male):
    """Moves every face to the other side: judges are wrong, nothing is hidden."""
    return (255 - crops).astype(np.uint8)


def another(crops, male):
    """A perfect protector for the gender: every face is the same grey noise."""
    noise = np.random.default_rng(7).integers(90, 160, (8, 8))
    one = np.kron(noise, np.ones((28, 28))).astype(np.uint8)
    jitter = np.random.default_rng(len(crops)).integers(0, 3, len(crops))
    return one[None] + jitter[:, None, None].astype(np.uint8)


def coloured(crops):
    return np.stack([crops, crops // 2, crops // 3], axis=3)


def face_set(count, seed, each=2, name="d"):
    crops, male, identity = people(count, each, seed)
    sources = tuple(f"{i}.jpg" for i in range(len(male)))
    return FaceSet(name, crops, male.astype(np.uint8), identity, {}, sources)


def case(protect, targets=24, own=40, **options):
    """A protector on people, with an adversary's own faces of others."""
    faces = face_set(targets, seed=1)
    values = {
        "protected": protect(faces.crops, faces.male),
        "own": face_set(own, seed=2, name="own"),
        "gender_judges": [BrightnessJudge(gain=2.0)],
        "matchers": [BrightPatches()],
        "repeats": 40,
    }
    return Case("p", 1.0, faces, protect=protect, **(values | options))


def zero_effort(made):
    """The judges as they are, as an adversary."""
    return made.p_male(made.protected, made.views)


def attacked(adversary, made):
    """The rows of an attack that must not fail, by (variant, metric)."""
    record = made.record()
    attack("a", adversary, made, record)
    assert [r.note for r in record.rows if r.value is None] == []
    return {(r.judge, r.metric): r for r in record.rows}


def aucs(adversary, made):
    return {judge: r.value for (judge, m), r in attacked(adversary, made).items() if m == "AUC"}


class BrightPatches(PatchMatcher):
    """A matcher that keeps the brightness too, so that embeddings hold the gender."""

    def embed(self, crops):
        patches = as_patches(crops)
        patches = np.hstack([patches - 128, 8 * (patches.mean(axis=1, keepdims=True) - 128)])
        return (patches / np.linalg.norm(patches, axis=1, keepdims=True)).astype(np.float32)
