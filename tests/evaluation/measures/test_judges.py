"""What judges see of a case, and what their answers come to."""

import numpy as np

from faceveil.evaluation.case import Case
from faceveil.evaluation.measures import measure
from faceveil.evaluation.sets import FaceSet
from faceveil.judges.boxed import BoxedGenderJudge
from tests.evaluation.fakes import BrightnessJudge, people
from tests.evaluation.measures.cases import nothing


def test_judges_with_a_square_of_their_own_get_it_in_photo_mode():
    """Zero effort and flip read the squares, recovery cleaned ones; who cannot has the crops."""

    crops, male, identity = people(12, 2, seed=4)
    crops = np.repeat(crops[..., None], 3, axis=3)
    plain = BrightnessJudge("plain")
    square = BoxedGenderJudge(BrightnessJudge("square").info, None, 0.2, plain, plain)
    faces = FaceSet("photos", crops, male.astype(np.uint8), identity, {})
    grey_faces = np.full_like(crops, 120)
    made = Case(
        "p", 1.0, faces, grey_faces, nothing, gender_judges=[plain, square], views={0.2: crops},
        lost=0, repeats=20,
    )  # fmt: skip
    record = measure(made, ("zero-effort", "flip", "recovery"))
    found = {
        (r.adversary, r.judge): r.value
        for r in record.rows
        if r.metric == "AUC" and r.group == "all"
    }
    assert found["zero-effort", "plain"] == found["recovery", "blur/plain"] == 0.5
    assert found["zero-effort", "square"] == found["recovery", "blur/square"] == 1
    assert found["flip", "square"] == 0
    assert {r.mode for r in record.rows} == {"photo"}


def test_who_only_looks_sees_photos_in_colour():
    """Gender by the red channel alone, while the luma is the same: grey would hide it."""

    class RedJudge(BrightnessJudge):
        def p_male(self, crops):
            return (crops[..., 0].mean(axis=(1, 2)) / 255).astype(np.float32)

    crops, male, identity = people(12, 2, seed=4)
    colours = np.array([[60, 152, 100], [140, 111, 100]])  # both of luma 118
    painted = np.broadcast_to(colours[male][:, None, None], (*crops.shape, 3)).astype(np.uint8)
    faces = FaceSet("photos", painted, male.astype(np.uint8), identity, {})
    made = Case(
        "p", 1.0, faces, painted, nothing, gender_judges=[RedJudge("red")], lost=0, repeats=20
    )
    rows = [r for r in measure(made, ("zero-effort", "flip", "recovery")).rows if r.metric == "AUC"]
    found = {(r.adversary, r.judge): r.value for r in rows}
    assert found["zero-effort", "red"] == found["recovery", "blur/red"] == 1
    assert found["flip", "red"] == 0
