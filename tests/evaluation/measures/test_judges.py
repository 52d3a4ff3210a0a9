"""What judges see of a case, and what their answers come to."""

import numpy as np
import pytest

from faceveil.evaluation.case import Case
from faceveil.evaluation.measures import measure
from faceveil.evaluation.measures.judges import Compared, _differentials
from faceveil.evaluation.rows import Recorder
from faceveil.evaluation.sets import FaceSet
from faceveil.judges.boxed import BoxedGenderJudge
from tests.evaluation.fakes import BrightnessJudge, PatchMatcher, people
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


def unit(x):
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


class Embeds:
    """A matcher that gives each face its own embedding, noisier for some after protection."""

    info = PatchMatcher().info

    def __init__(self, before, after):
        self.made = [before, after]

    def embed(self, crops):
        return self.made.pop(0)


def matched(people_=90, each=3, groups=None, **options):
    """Women's protected faces are noise to the matcher, men's are as they were."""
    rng = np.random.default_rng(0)
    identity = np.repeat(np.arange(people_), each)
    male = (identity % 2).astype(np.uint8)
    before = unit(rng.normal(size=(people_, 16))[identity] + 0.7 * rng.normal(size=(len(male), 16)))
    noise = unit(rng.normal(size=before.shape))
    after = np.where(male[:, None] == 1, before, before + 0.6 * noise)
    crops = np.zeros((len(male), 224, 224), np.uint8)
    faces = FaceSet("d", crops, male, identity, groups or {})
    made = Case(
        "p", 1.0, faces, crops, nothing, matchers=[Embeds(before, unit(after))], fmrs=(0.01,),
        repeats=20, **options,
    )  # fmt: skip
    rows = [r for r in measure(made, ()).rows if r.kind == "matcher"]
    return before, unit(after), faces, rows


def by_hand(before, after, identity, fmr):
    """Threshold of the originals' impostors, then FMR and FNMR of original against protected."""
    same = identity[:, None] == identity
    impostor = np.sort((before @ before.T)[np.triu(~same)])[::-1]
    threshold = impostor[int(fmr * len(impostor)) - 1]
    off = ~np.eye(len(identity), dtype=bool)

    def rates(own):
        scores, mine = (before[own] @ after[own].T), same[np.ix_(own, own)]
        genuine, other = scores[mine & off[np.ix_(own, own)]], scores[~mine]
        return (other >= threshold).mean(), (genuine < threshold).mean()

    return rates


def test_figures_at_the_fixed_threshold_by_hand():
    before, after, faces, rows = matched()
    rates = by_hand(before, after, faces.identity, 0.01)
    found = {(r.group, r.metric): r.value for r in rows if r.note.startswith("original-protected")}
    fmr, fnmr = rates(np.arange(len(faces.male)))
    assert found["all", "TMR@0.01 fixed"] == pytest.approx(1 - fnmr, abs=1e-3)
    assert found["all", "FMR@0.01 fixed"] == pytest.approx(fmr, abs=1e-4)
    women, men = (rates(np.flatnonzero(faces.male == side)) for side in (0, 1))
    assert found["gender=female", "FNMR@0.01 fixed"] == pytest.approx(women[1], abs=1e-3)
    assert found["gender=male", "FNMR@0.01 fixed"] == pytest.approx(men[1], abs=1e-3)
    assert found["gender=female", "FMR@0.01 fixed"] == pytest.approx(women[0], abs=1e-4)
    ratio = found["gender", "FNMR@0.01 fixed, worst over best"]
    assert ratio == pytest.approx(women[1] / men[1], rel=0.02)
    assert ratio > 1.2


def test_groups_of_which_too_little_is_known_have_no_figures():
    """Race: two groups of 45 people each, one of none to compare; age: known of one only."""
    identity = np.repeat(np.arange(90), 3)
    race = np.where(identity < 45, "Black", "White")
    age = np.where(identity < 4, "60+", "18-29")
    _, _, _, rows = matched(groups={"race": race, "age": age})
    found = {(r.group, r.metric) for r in rows}
    for group in ("race=Black", "race=White"):
        assert {(group, "FMR@0.01 fixed"), (group, "FNMR@0.01 fixed")} <= found
    assert ("race", "FMR@0.01 fixed, worst over best") in found
    assert ("age=60+", "FNMR@0.01 fixed") not in found
    assert ("age", "FNMR@0.01 fixed, worst over best") not in found


def test_where_nobody_errs_in_the_best_group_one_pair_is_taken_to():
    faces = FaceSet("d", np.zeros(0), np.array([0, 0, 1, 1] * 40, np.uint8), np.arange(160) // 2)
    before = unit(np.eye(80)[faces.identity] + 1e-3)
    after = before.copy()
    after[::4] = -before[::4]  # one of each woman's two faces matches no more
    record = Recorder("p", 1.0, "d", 160)
    compared = Compared("m", faces, before, after, faces.identity)
    _differentials(compared, record, 0.01, 0.5)
    found = {(r.group, r.metric): r for r in record.rows}
    assert found["gender=male", "FNMR@0.01 fixed"].value == 0
    worst = found["gender", "FNMR@0.01 fixed, worst over best"]
    assert worst.value == pytest.approx(0.5 * 80)
    assert worst.note == "original-protected; at least: none of 80 pairs in the best group"
    assert found["gender", "FMR@0.01 fixed, worst over best"].value == 1  # nobody errs at all
