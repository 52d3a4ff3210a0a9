"""One unit of an evaluation: one protector at one strength on one set, by all who look at it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from faceveil.evaluation.adversaries.base import Protect, Scene, attack
from faceveil.evaluation.adversaries.registry import build_adversary
from faceveil.evaluation.config import EvaluationConfig
from faceveil.evaluation.config_check import NEED_OWN_FACES
from faceveil.evaluation.faces import FaceSet
from faceveil.evaluation.metrics.intervals import weights
from faceveil.evaluation.papers.registry import PAPERS
from faceveil.evaluation.papers.subject import Subject
from faceveil.evaluation.photos import Seen
from faceveil.evaluation.pictures import Pristine, compare_pictures, naturalness
from faceveil.evaluation.protocol import as_rgb_crops
from faceveil.evaluation.reading import read_gender, read_matching
from faceveil.evaluation.recorder import Recorder
from faceveil.evaluation.redraw import Redraw, redrawn
from faceveil.imaging.crop import grey_levels
from faceveil.judges.attributes import AttributeJudge
from faceveil.judges.base import GenderJudge, Matcher
from faceveil.judges.boxed import Views, p_male
from faceveil.types import Float64Array, Uint8Array


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """What is measured together.

    Attributes:
        protector: its name in tables.
        strength: in [0, 1].
        protect: crops and labels to protected crops.
        faces: the set.
        attacker: the adversaries' own faces, of other people, or None.
        gender_judges: gender judges.
        matchers: face matchers.
        seen: what judges see of protected photos (photo mode), or None.
        redraw: protects the faces with another seed, or None where nothing protects.
        pristine: gives NIQE's model of natural pictures, or None.
        attributes: reads several attributes, or None.
        labels: (N, K) true values of these, NaN where unknown, or None.
    """

    protector: str
    strength: float
    protect: Protect
    faces: FaceSet
    attacker: FaceSet | None
    gender_judges: Sequence[GenderJudge]
    matchers: Sequence[Matcher]
    seen: Seen | None = None
    redraw: Redraw | None = None
    pristine: Pristine | None = None
    attributes: AttributeJudge | None = None
    labels: Float64Array | None = None

    @property
    def mode(self) -> str:
        """``crop`` or ``photo``."""
        return "crop" if self.seen is None else "photo"


def measure_unit(unit: Unit, config: EvaluationConfig) -> tuple[Recorder, Uint8Array]:
    """Measure a unit.

    A judge or an adversary that fails leaves a gap that says why; the rest goes on.

    Returns:
        Figures and curves, and the protected crops, of the shape of the unit's.
    """
    faces = unit.faces
    seen = unit.seen or Seen(unit.protect(faces.crops, faces.male), {}, 0)
    protected = seen.crops
    record = Recorder(unit.protector, unit.strength, faces.name, len(faces.crops), unit.mode)
    if unit.mode == "photo":
        record.add("quality", "", "faces no longer found", seen.lost / len(faces.crops))
    else:  # a judge's own crops of two photos do not lie pixel on pixel
        compare_pictures(record, faces.crops, protected, config.quality)
    if "niqe" in config.quality:
        naturalness(record, protected, unit.pristine)
    rgb, original = as_rgb_crops(protected), as_rgb_crops(faces.crops)
    w = weights(faces.identity, config.repeats, config.seed)
    for judge in unit.gender_judges:
        work = partial(_one_judge, record, judge, rgb, seen.views, faces, w)
        record.guarded("gender", judge.info.name, "zero-effort", work)
    for matcher in unit.matchers:
        work = partial(_one_matcher, record, matcher, original, rgb, faces, config)
        record.guarded("matcher", matcher.info.name, "", work)
    subject = Subject(
        original, rgb, faces, unit.attacker, unit.matchers, unit.attributes, unit.labels, w,
        config.seed,
    )  # fmt: skip
    for paper in config.papers:
        record.guarded("paper", paper, "", partial(PAPERS[paper], record, subject), "figures")
    for name in config.adversaries:
        if name != "zero-effort":  # the judges have been asked above
            scene = _scene(unit, seen, config, name in NEED_OWN_FACES)
            work = partial(_one_adversary, record, name, scene, faces, config.repeats)
            record.guarded("gender", "all", name, work)
    return record, protected


def _same(crops: Uint8Array) -> Uint8Array:
    return crops


def _one_judge(
    record: Recorder,
    judge: GenderJudge,
    rgb: Uint8Array,
    views: Views,
    faces: FaceSet,
    w: Float64Array,
) -> None:
    read_gender(record, judge.info.name, p_male(judge, rgb, views), faces, w)


def _one_matcher(
    record: Recorder,
    matcher: Matcher,
    original: Uint8Array,
    rgb: Uint8Array,
    faces: FaceSet,
    config: EvaluationConfig,
) -> None:
    before, after = matcher.embed(original), matcher.embed(rgb)
    read_matching(record, matcher.info.name, before, after, faces, config.fmrs, config.seed)


def _one_adversary(record: Recorder, name: str, scene: Scene, faces: FaceSet, repeats: int) -> None:
    for r in attack(build_adversary(name), scene, faces.male, faces.identity, repeats=repeats):
        low, high = r.interval.low, r.interval.high
        record.add("gender", r.variant, "AUC", r.auc, adversary=name, low=low, high=high)
        record.add("gender", r.variant, "EER", r.eer, adversary=name)


def _scene(unit: Unit, seen: Seen, config: EvaluationConfig, learns: bool) -> Scene:
    """What an adversary gets; without faces of its own, none (the configuration sees to that).

    Photos are in colour for whoever only looks. Who learns from grey faces sees grey ones.
    """
    again: Iterable[Uint8Array] = ()
    look = (
        grey_levels
        if learns and unit.attacker is not None and unit.attacker.crops.ndim == 3
        else _same
    )
    draw, protected = unit.redraw, look(seen.crops)
    if draw is not None and "averaging" in config.adversaries:
        again = redrawn(
            lambda rows, seed: look(draw(rows, seed)), len(protected), config.seed, config.versions
        )
    own = unit.attacker
    crops = unit.faces.crops[:0] if own is None else own.crops
    male = unit.faces.male[:0] if own is None else own.male
    identity = unit.faces.identity[:0] if own is None else own.identity
    return Scene(
        protected,
        crops,
        male,
        identity,
        unit.protect,
        unit.gender_judges,
        unit.matchers,
        again,
        config.seed,
        {margin: look(view) for margin, view in seen.views.items()},
    )
