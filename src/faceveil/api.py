"""The functions of the public API, re-exported by the package."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faceveil.errors import OptionError, PhotoError
from faceveil.imaging.decode import load_photo
from faceveil.imaging.detect import CenterFace, Detector
from faceveil.imaging.photo import as_rgb
from faceveil.inference.card import WEIGHTS
from faceveil.inference.device import Choice, Device, Precision
from faceveil.own import can
from faceveil.protect.estimator import GenderEstimator
from faceveil.protect.protector import Protector
from faceveil.systems.specs import (
    MethodOptions,
    build_crop_protector,
    list_protectors,
    register_protector,
)
from faceveil.types import Target, Uint8Array

if TYPE_CHECKING:
    from faceveil.evaluation.check import PhotoCheck
    from faceveil.judges.base import GenderJudge, Matcher
    from faceveil.protect.base import CropProtector

__all__ = ["check", "list_protectors", "load_protector", "register"]


def load_protector(
    name: str = "default",
    *,
    detector: Detector | None = None,
    threads: int = 0,
    weights: str | Path | None = None,
    stages: int | None = None,
    combine: str | None = None,
    hide: Sequence[str] | None = None,
    seed: int = 0,
    device: Device | None = None,
    precision: Precision | None = None,
) -> Protector:
    """Load a protector by name.

    Args:
        name: one of :func:`list_protectors`, or ``default``, the best of them; your own is known
            by the name that :func:`register` got.
        detector: finds faces in photos; CenterFace where None.
        threads: threads inside one operator; 0 takes all cores.
        weights: folder of protector weights in place of the package's own.
        stages: for ``flowsan`` how many stages (3 where None); for ``ensemble`` how many of its
            SANs (all where None).
        combine: for ``ensemble``: ``avg`` (default) averages the outputs, ``gibbs`` draws one.
        hide: for ``gender-an`` and ``privacynet`` what to hide, some of ``gender``, ``age`` and
            ``race``; gender alone where None.
        seed: decides the draws of ``gibbs``.
        device: ``cpu``, ``openvino`` (the extra ``fast``), ``cuda``, or ``auto``, the best that is
            installed; None for ``auto``.
        precision: of the networks that change faces: ``float32``; ``bfloat16``, which needs
            OpenVINO; or ``auto``, bfloat16 where it turns out quicker here; None for ``float32``.

    Raises:
        OptionError: if there is no protector of that name, it does not take an option, or the
            device or precision is not to be had.
        ModelError: if a model file is missing or damaged.

    Examples:
        >>> protector = load_protector()  # doctest: +SKIP
        >>> protected = protector.protect_photo("portrait.jpg")  # doctest: +SKIP
    """
    choice = Choice(device or "auto", precision or "float32", threads)
    method = build_crop_protector(
        name,
        choice=choice,
        weights=None if weights is None else Path(weights),
        options=MethodOptions(stages, combine, None if hide is None else tuple(hide), seed),
    )
    estimator = GenderEstimator(WEIGHTS / "gender_estimator.onnx", choice)
    return Protector(method, estimator, detector or CenterFace(choice=choice))


def register(
    name: str,
    made: (
        type[CropProtector]
        | CropProtector
        | type[GenderJudge]
        | GenderJudge
        | type[Matcher]
        | Matcher
        | Callable[[Uint8Array], Any]
    ),
) -> None:
    """Give a protector or a judge of your own a name, in this process.

    A protector is then loaded by :func:`load_protector`, and is a ``method`` of evaluations; a
    judge is named in their ``judges``. Where a new process is started (the command line, several
    jobs), ``module:name`` stands in place of a name.

    Args:
        name: none of FaceVeil's own. A second call with the same name replaces the first.
        made: a class, whose object is made at once and without arguments, or an object: with
            ``protect`` it is a protector, with ``p_male`` or ``embed`` a judge. A judge may also be
            a function of crops, (N, 224, 224, 3) uint8 RGB, that gives P(male) (N,) or embeddings
            (N, D). It is shared by all who load it, and by their threads.

    Raises:
        OptionError: if the name is taken, or something that is needed is missing.
        ModelError: if your code fails, or a judge's answer for two crops of noise is none.

    Examples:
        >>> register("mine", MyProtector)  # doctest: +SKIP
        >>> load_protector("mine").protect_photo("portrait.jpg")  # doctest: +SKIP
    """
    if can(made, "protect"):
        if ":" in name:
            raise OptionError(f"method {name}: expected a name without a colon")
        register_protector(name, made)
    elif callable(made) or can(made, "p_male", "embed"):
        # Who only protects does not pay for it.
        from faceveil.judges.loaded import register_judge

        register_judge(name, made)
    else:
        raise OptionError(
            f"register {name}: got a {type(made).__name__}; expected a class or object with "
            "protect (a protector), p_male or embed (a judge), or a function of crops"
        )


def check(
    original: Uint8Array | str | Path,
    protected: Uint8Array | str | Path,
    *,
    detector: Detector | None = None,
    target: Target | None = None,
    key: bytes | None = None,
    person: str = "",
    faces: str = "all",
) -> PhotoCheck:
    """Did it work? Compare a photo and its protected copy with the judges of the package.

    Three gender readers, and the worst of them decides; others may differ.

    Args:
        original: (H, W, 3) RGB uint8 array, or the path of a file.
        protected: the same photo after protection, of the same size.
        detector: finds faces in the original; CenterFace where None.
        target: what faces were to read as; None for ``random``, as the default does. A changed face
            that reads as drawn has passed; say what else it was, or a face that is still read may
            seem to have been drawn so.
        key: what drew random targets; this machine's own where None, if it has one.
        person: whose photo it is, where a person's photos share a target.
        faces: which to check: ``all``, ``largest``, or numbers such as ``0,2`` from left to right.

    Raises:
        PhotoError: if a photo cannot be read.
        OptionError: if the sizes differ, or a face is not there.
    """
    # Who only protects does not pay for it.
    from faceveil.evaluation.check import check_photos, known_draw

    before, after = (_pixels(p) if isinstance(p, str | Path) else p for p in (original, protected))
    draw = known_draw(target, key, person)
    return check_photos(before, after, detector or CenterFace(), draw=draw, which=faces)


def _pixels(path: str | Path) -> Uint8Array:
    """A photo's pixels; of two, the complaint names the one that cannot be read."""
    try:
        return as_rgb(load_photo(Path(path)))
    except PhotoError as error:
        raise PhotoError(f"{path}: {error}") from error
