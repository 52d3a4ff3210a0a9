"""The weak adversaries where their answers are known, and how an attack is measured."""

from dataclasses import replace

import numpy as np
import pytest

from faceveil.errors import OptionError
from faceveil.evaluation.measures import ADVERSARIES, MEASURES, NEED_OWN_FACES, measure
from faceveil.evaluation.measures.adversaries import OPERATIONS, attack, averaging, flip, recovery
from faceveil.imaging.crop import grey_levels
from tests.evaluation.measures.cases import (
    another,
    attacked,
    aucs,
    case,
    coloured,
    invert,
    nothing,
    zero_effort,
)


def test_zero_effort_and_flip_are_mirrors():
    assert aucs(zero_effort, case(nothing))["brightness"] > 0.99
    assert aucs(flip, case(nothing))["brightness"] < 0.01
    assert aucs(zero_effort, case(invert))["brightness"] < 0.01
    assert aucs(flip, case(invert))["brightness"] > 0.99


def test_a_perfect_protector_leaves_nothing_to_the_weak():
    assert abs(aucs(zero_effort, case(another))["brightness"] - 0.5) < 0.2


def test_a_constant_picture_is_chance():
    made = case(lambda crops, male: np.full_like(crops, 77))
    for adversary in (zero_effort, flip, recovery):
        for (variant, metric), row in attacked(adversary, made).items():
            assert row.value == 0.5, (variant, metric)


def test_auc_is_scikit_learns():
    metrics = pytest.importorskip("sklearn.metrics", reason="needs the report extra")
    made = case(nothing)
    male = made.faces.male
    noise = np.random.default_rng(0).normal(0, 0.8, len(male)).astype(np.float32)
    found = aucs(lambda _: {"noisy": male + noise}, made)["noisy"]
    assert found == pytest.approx(metrics.roc_auc_score(male, male + noise))
    assert 0.6 < found < 0.95


def test_intervals_hold_the_value_and_follow_the_seed():
    made = case(nothing)
    noise = np.random.default_rng(0).normal(0, 1, len(made.faces.male)).astype(np.float32)

    def span(seed):
        row = attacked(lambda _: {"noise": noise}, replace(made, seed=seed))["noise", "AUC"]
        assert row.low <= row.value <= row.high
        return row.low, row.high

    assert span(0) == span(0) != span(1)


@pytest.mark.parametrize(
    ("scores", "why"),
    [(np.full(48, np.nan, np.float32), "not finite"), (np.zeros(3, np.float32), "expected")],
)
def test_scores_that_mean_nothing_are_a_gap(scores, why):
    made = case(nothing)
    record = made.record()
    attack("odd", lambda _: {"v": scores}, made, record)
    (gap,) = record.rows
    assert (gap.value, gap.adversary, gap.metric) == (None, "odd", "AUC")
    assert why in gap.note


def test_every_recovery_keeps_the_face():
    face = case(nothing).protected[0]
    for operation in OPERATIONS.values():
        out = operation(face)
        assert (out.shape, out.dtype) == (face.shape, np.uint8)
        assert np.abs(out.astype(int) - face).mean() < 12


def test_recovery_reads_through_a_veil_of_noise():
    """Strong zero-mean noise in a judge that reads single pixels; blur takes it away."""

    def noise(crops, male):
        rng = np.random.default_rng(0)
        return np.clip(crops + rng.normal(0, 60, crops.shape), 0, 255).astype(np.uint8)

    made = case(noise)
    judge = made.gender_judges[0]
    judge.p_male = lambda crops: (crops[:, 100, 100, 0] / 255).astype(np.float32)
    cleaned = aucs(recovery, made)
    assert set(cleaned) == {f"{operation}/brightness" for operation in OPERATIONS}
    assert cleaned["blur/brightness"] > aucs(zero_effort, made)["brightness"] + 0.03


def test_operations_keep_the_order_of_channels():
    face = coloured(case(nothing).protected)[0]
    for name, operation in OPERATIONS.items():
        out = operation(face)
        assert (out.shape, out.dtype) == (face.shape, np.uint8), name
        red, green, blue = out.reshape(-1, 3).mean(axis=0)
        assert red > green > blue, name


def test_jpeg_spends_its_bits_on_luma():
    """Seen in the wrong channel order, red would be stored as blue and come back less exact."""
    face = np.zeros((224, 224, 3), np.uint8)
    face[..., 0] = np.random.default_rng(0).integers(0, 255, (224, 224))
    red, blue = (OPERATIONS["jpeg"](face[..., ::step])[..., ::step] for step in (1, -1))
    error = [np.abs(out[..., 0].astype(int) - face[..., 0]).mean() for out in (red, blue)]
    assert error[0] < error[1]


def test_a_higher_jpeg_quality_changes_less():
    face = case(nothing).protected[0]
    face = np.clip(face + np.random.default_rng(0).normal(0, 20, face.shape), 0, 255)
    face = face.astype(np.uint8)
    change = [np.abs(OPERATIONS[k](face).astype(int) - face).mean() for k in ("jpeg", "jpeg75")]
    assert change[0] > change[1] > 0


def test_averaging_beats_one_draw():
    """A protector that adds a random shade: the mean of many versions shows the face's own."""
    rng = np.random.default_rng(3)

    def shade(crops, male):
        return np.clip(crops + rng.normal(0, 60, (len(crops), 1, 1)), 0, 255).astype(np.uint8)

    made = case(shade)
    more = replace(made, again=[shade(made.faces.crops, made.faces.male) for _ in range(15)])
    found = aucs(averaging, more)
    assert set(found) == {"scores/brightness", "pictures/brightness"}
    assert min(found.values()) > aucs(zero_effort, made)["brightness"] + 0.05
    with pytest.raises(OptionError, match="same order"):
        averaging(replace(made, again=[made.protected[:3]]))


def test_averaging_has_nothing_to_average():
    assert averaging(case(nothing)) == {}
    made = case(nothing)
    assert averaging(replace(made, again=[made.protected, made.protected])) == {}


def test_colour_is_read_as_judges_see_it():
    made = case(nothing)
    colour = replace(made, protected=coloured(made.protected))
    expected = made.gender_judges[0].p_male(colour.protected)
    assert np.array_equal(zero_effort(colour)["brightness"], expected)
    assert min(aucs(recovery, colour).values()) > 0.99
    with pytest.raises(OptionError, match="224"):
        zero_effort(replace(made, protected=made.protected[:, :50]))


def test_luma_of_grey_and_colour():
    crops = case(nothing).protected[:2]
    assert grey_levels(crops) is crops
    assert np.array_equal(grey_levels(np.repeat(crops[..., None], 3, axis=3)), crops)
    pure = np.zeros((1, 224, 224, 3), np.uint8)
    pure[..., 0] = 100
    assert np.unique(grey_levels(pure)).tolist() == [30]


def test_adversaries_do_not_look_at_the_truth():
    """With other labels, identities and originals of the faces attacked, the same scores."""
    from faceveil.evaluation import measures

    made = case(invert, targets=8, own=8)
    blind = replace(
        made.faces,
        crops=np.zeros_like(made.faces.crops),
        male=1 - made.faces.male,
        identity=made.faces.identity[::-1],
    )
    other = replace(made, faces=blind, again=[made.protected[::-1]])
    made = replace(made, again=[made.protected[::-1]])
    for name in ("flip", "averaging", "recovery", "similarity", "retrained-embeddings"):
        adversary = measures._ADVERSARIES[name]
        seen, unseen = adversary(made), adversary(other)
        assert seen.keys() == unseen.keys()
        for variant in seen:
            assert np.array_equal(seen[variant], unseen[variant]), (name, variant)


def test_the_table_of_measures():
    assert next(iter(ADVERSARIES)) == "zero-effort"
    assert len(ADVERSARIES) == 9
    assert set(MEASURES) >= NEED_OWN_FACES
    rows = measure(case(nothing, own=4, fmrs=(0.1,)), ["flip", "zero-effort", "flip"]).rows
    assert {r.adversary for r in rows} == {"", "zero-effort", "flip"}
    once = [r for r in rows if r.metric == "AUC" and r.group == "all"]
    assert len(once) == 2
