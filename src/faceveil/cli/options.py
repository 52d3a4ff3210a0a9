"""What the arguments of ``faceveil protect`` ask for, and what is said of it."""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faceveil.errors import OptionError

if TYPE_CHECKING:
    from faceveil.files.batch import BatchOptions
    from faceveil.files.jobs import Job
    from faceveil.files.runs import Runs
    from faceveil.imaging.detect import Detector
    from faceveil.protect.protector import Protector


def meaning(method: Protector, options: BatchOptions) -> str:
    """What a random target means, where targets are drawn."""
    return COIN if options.photo.aim(method.crop_protector).target == "random" else ""


def options_of(arguments: argparse.Namespace) -> BatchOptions:
    """What is done to each file, as far as it is known before the files are.

    Raises:
        OptionError: if an option has a bad value.
    """
    from faceveil.cli.checked import may_check
    from faceveil.files.batch import BatchOptions
    from faceveil.protect.photo import PhotoOptions

    a = arguments
    if a.jobs < 0:
        raise OptionError(f"--jobs: got {a.jobs}; expected 1 or more, or 0 for all cores")
    if a.max_pixels < 1:
        raise OptionError(f"--max-pixels: got {a.max_pixels}; expected 1 or more")
    may_check(a)
    gender = None if a.gender == "auto" else a.gender
    if a.persons != "photo" and a.target not in (None, "random"):
        raise OptionError("--persons: it decides random targets; add --target random")
    if a.persons != "photo" and a.seed is not None and a.key is None:
        raise OptionError(
            "--persons: anybody can compute targets from --seed; give --key in its place"
        )
    if a.aligned:
        refuse(a, "--aligned")
    photo = PhotoOptions(
        a.faces,
        gender,
        a.target,
        a.strength,
        a.seed,
        a.aligned,
        _key(a),
        doubtful=a.doubtful,
    )
    return BatchOptions(
        photo,
        a.existing,
        a.on_no_face,
        a.keep_metadata,
        a.max_pixels,
        a.in_place,
        a.persons,
        _part(a),
    )


def _part(a: argparse.Namespace) -> tuple[float, float] | None:
    if a.time is None:
        return None
    from faceveil.video.times import parse_part

    for given, name in (
        (a.in_place, "--in-place, which would throw the rest of the clip away; state --output"),
        (a.camera is not None, "--camera"),
        (a.engine == "ray", "--engine ray"),
    ):
        if given:
            raise OptionError(f"--time: not with {name}")
    return parse_part(a.time)


def refuse(arguments: argparse.Namespace, where: str) -> None:
    """Refuse what chooses faces of photos where there are none to choose from.

    Raises:
        OptionError: if one of these options is given.
    """
    a = arguments
    for given, name in ((a.only, "--only"), (a.but, "--except"), (a.boxes, "--boxes")):
        if given:
            raise OptionError(f"{name}: for photos, not with {where}; leave it out")


def chosen_by(
    arguments: argparse.Namespace, options: BatchOptions, photos: Sequence[Job], detector: Detector
) -> BatchOptions:
    """The options with what ``--only``, ``--except`` and ``--boxes`` say of these photos.

    Raises:
        OptionError: if a reference is no photo of one person, or a box is of no photo of the run.
    """
    a = arguments
    if a.only or a.but:
        from faceveil.judges.recognise import known
        from faceveil.judges.registry import bundled_matcher

        matcher = bundled_matcher()
        people = known(matcher, detector, [Path(p) for p in a.only], [Path(p) for p in a.but])
        options = replace(options, photo=replace(options.photo, people=people))
    if a.boxes is not None:
        from faceveil.files.boxes import by_source, read_boxes

        sources = [job.source for job in photos]
        options = replace(options, boxes=by_source(read_boxes(a.boxes), sources))
    return options


def runs_of(
    arguments: argparse.Namespace, method: Protector, options: BatchOptions, jobs: Sequence[Job]
) -> Runs | None:
    """The output folder's record, for these settings and weights; None in place.

    Raises:
        FaceVeilError: if it cannot be read, or a key is needed and cannot be used.
    """
    if options.in_place:
        return None
    from faceveil.files.runs import Runs
    from faceveil.protect.keys import own_key, stretched
    from faceveil.protect.targets import strength_of
    from faceveil.systems.specs import weights_of

    a, own, photo = arguments, method.crop_protector, options.photo
    target = None if own.own_target is None else photo.aim(own).target
    keyed = target == "random" and (bool(photo.key) or photo.seed is None)
    values: dict[str, object] = {
        **{k: getattr(photo, k) for k in ("faces", "doubtful", "gender", "aligned")},
        **{k: getattr(a, k) for k in ("stages", "combine", "precision", "keep_metadata")},
        **{k: [_sha256(Path(p)) for p in getattr(a, k)] for k in ("only", "but")},
        "method": own.name,
        "hide": a.hide or "gender",
        "target": target,
        "strength": strength_of(own, photo.strength),
        "seed": None if photo.key else photo.seed,
        "persons": options.persons,
        "keyed": keyed,
        "weights": weights_of(a.method),
    }
    # Without a secret, anybody could try which gender was stated.
    hidden = keyed or photo.gender is not None
    secret = stretched(photo.key or own_key().secret, b"runs", 32) if hidden else b""
    output = Path(a.output)
    folder = output.parent if any(job.target == output for job in jobs) else output
    return Runs(folder, values, secret)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def in_vain(arguments: argparse.Namespace, method: Protector, options: BatchOptions) -> str:
    """What is said of a gender that makes no difference; empty as a rule."""
    own = method.crop_protector
    target = options.photo.aim(own).target
    if arguments.gender == "auto" or own.needs_gender or target in ("opposite", "same"):
        return ""
    return f"--gender: makes no difference to {own.name} with target {target}; leave it out"


def _key(arguments: argparse.Namespace) -> bytes:
    from faceveil.protect.keys import read_key

    if arguments.key is None:
        return b""
    try:
        key = read_key(arguments.key)
    except OptionError as error:
        raise OptionError(f"--key: {error}") from error
    tell(arguments, key.told)
    return key.secret


def tell(arguments: argparse.Namespace, line: str) -> None:
    """A line on stderr, unless it is empty or nobody wants to read it."""
    if line and not arguments.quiet:
        print(line, file=sys.stderr)


COIN = (
    "what software says of these faces is now a coin toss that only your key knows; it may still "
    "say the truth (--target opposite for a photo that must not)"
)
"""What a random target means, in one sentence."""


def method_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """The arguments of :func:`faceveil.load_protector` that the command line states."""
    hide = arguments.hide
    return {
        "name": arguments.method,
        "stages": arguments.stages,
        "combine": arguments.combine,
        "hide": None if hide is None else tuple(hide.split(",")),
        "seed": arguments.seed or 0,
        "device": arguments.device,
        "precision": arguments.precision,
    }


def know_own(method: str) -> None:
    """Make the user's own protector ``module:name`` known by that name.

    Only who sits at the command line names code to run: the REST API takes known names.

    Raises:
        FaceVeilError: if there is none.
    """
    if ":" not in method:
        return
    from faceveil.own import can, user_object
    from faceveil.systems.specs import register_protector

    found = user_object(method, "--method", "module:name of a protector on Python's path or here")
    if not can(found, "protect"):
        raise OptionError(
            f"--method {method}: has no 'protect'; expected a class or object that is a "
            "CropProtector (docs/extending.md)"
        )
    register_protector(method, found)


def load(
    arguments: argparse.Namespace, options: BatchOptions, threads: int, *, told: bool = False
) -> Protector:
    """The protector that is asked for; what is to be said of it is said.

    Args:
        arguments: the parsed command line.
        options: of the run.
        threads: threads inside one operator.
        told: whether what is to be said of the key has been said in this run.

    Raises:
        FaceVeilError: if there is none, or it cannot do what is wanted.
    """
    from faceveil import load_protector

    know_own(arguments.method)
    protector = load_protector(**method_of(arguments), threads=threads)
    # A target that cannot be had is said before any photo; so is a key that has just been made.
    if options.photo.aim(protector.crop_protector).target == "random" and not told:
        tell(arguments, _own_key_told(arguments, options))
    return protector


def _own_key_told(arguments: argparse.Namespace, options: BatchOptions) -> str:
    """What is to be said of this machine's key where it decides; nothing from the second time."""
    from faceveil.protect.keys import own_key

    return "" if options.photo.key or arguments.seed is not None else own_key().told
