"""One protector at one strength on one set, and everybody who looks at it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from faceveil.evaluation.metrics.intervals import weights
from faceveil.evaluation.metrics.niqe import NiqeModel
from faceveil.evaluation.protecting import Protect
from faceveil.evaluation.rows import Recorder
from faceveil.evaluation.sets import FaceSet
from faceveil.imaging.crop import grey_levels
from faceveil.judges.attributes import AttributeJudge
from faceveil.judges.base import GenderJudge, Matcher, as_rgb_crops
from faceveil.judges.boxed import Views, p_male
from faceveil.types import Float32Array, Float64Array, Uint8Array


@dataclass(frozen=True, eq=False)
class Case:
    """What every measure is given.

    An adversary attacks :attr:`protected`. It must not look at :attr:`faces`, where the truth is:
    what it knows is :attr:`own` and what the protector makes of them.

    Attributes:
        protector: its name in tables.
        strength: in [0, 1].
        faces: the unprotected faces, who they show and which gender they have.
        protected: the same faces as judges get them, of the same shape.
        protect: the protector as a black box, for faces whose gender is known.
        own: the adversaries' own faces, of other people, or None.
        gender_judges: gender judges.
        matchers: face matchers.
        views: the protected faces as judges that want their own square see them, in photos.
        lost: in how many protected photos no face was found any more; None for crops.
        again: more protected versions, by a protector that draws anew each time; may be made as
            they are asked for.
        pristine: fits NIQE's model of natural pictures, and says on what; or None.
        attributes: reads several attributes, or None.
        labels: (N, K) true values of these, NaN where unknown, or None.
        quality: which figures of the pictures are wanted.
        fmrs: false match rates of the matchers' figures.
        repeats: of the bootstrap.
        seed: decides everything random.
    """

    protector: str
    strength: float
    faces: FaceSet
    protected: Uint8Array
    protect: Protect
    own: FaceSet | None = None
    gender_judges: Sequence[GenderJudge] = ()
    matchers: Sequence[Matcher] = ()
    views: Views = field(default_factory=dict)
    lost: int | None = None
    again: Iterable[Uint8Array] = ()
    pristine: Callable[[], tuple[NiqeModel, str]] | None = None
    attributes: AttributeJudge | None = None
    labels: Float64Array | None = None
    quality: Sequence[str] = ()
    fmrs: Sequence[float] = (0.01, 0.001)
    repeats: int = 500
    seed: int = 0

    @property
    def mode(self) -> str:
        """``crop`` or ``photo``."""
        return "crop" if self.lost is None else "photo"

    def record(self) -> Recorder:
        """An empty one for the figures of this case."""
        return Recorder(
            self.protector, self.strength, self.faces.name, len(self.faces.crops), self.mode
        )

    @cached_property
    def before(self) -> Uint8Array:
        """The originals as judges take them: (N, 224, 224, 3)."""
        return as_rgb_crops(self.faces.crops)

    @cached_property
    def after(self) -> Uint8Array:
        """The protected faces as judges take them: (N, 224, 224, 3)."""
        return as_rgb_crops(self.protected)

    @cached_property
    def weights(self) -> Float64Array:
        """(R, N) how often each face counts in each repeat of the bootstrap."""
        return weights(self.faces.identity, self.repeats, self.seed)

    @cached_property
    def learnable(self) -> Uint8Array:
        """The protected faces as whoever learned from :attr:`own` reads them: grey if these are."""
        own_are_grey = self.own is not None and self.own.crops.ndim == 3
        return grey_levels(self.protected) if own_are_grey else self.protected

    @cached_property
    def own_protected(self) -> Uint8Array:
        """What the protector makes of :attr:`own`: (K, 224, 224[, 3]), protected once for all."""
        if self.own is None:
            return self.protected[:0]
        return self.protect(self.own.crops, self.own.male)

    def p_male(
        self, crops: Uint8Array, views: Views | None = None, prefix: str = ""
    ) -> Mapping[str, Float32Array]:
        """P(male) of every gender judge, by name.

        Args:
            crops: (N, 224, 224[, 3]) uint8 canonical crops.
            views: the same faces as :attr:`views` has them; without, all judges get the crops.
            prefix: before each name.
        """
        rgb = as_rgb_crops(crops)
        squares = {margin: as_rgb_crops(view) for margin, view in (views or {}).items()}
        return {f"{prefix}{j.info.name}": p_male(j, rgb, squares) for j in self.gender_judges}
