"""What ``faceveil evaluate`` is to measure: a TOML file as frozen dataclasses."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from faceveil.errors import OptionError
from faceveil.evaluation.measures import ADVERSARIES, NEED_OWN_FACES, PAPERS, measure_of
from faceveil.evaluation.measures.quality import FIGURES
from faceveil.evaluation.protecting import ProtectorSpec
from faceveil.evaluation.sets import SetSpec

MODES = ("crop", "photo")


@dataclass(frozen=True, slots=True)
class EvaluationConfig:
    """An evaluation.

    Attributes:
        title: of the report.
        data: folder of the sets.
        models: folder of the judges' ONNX files; the package's own judges where empty.
        protectors: what is measured.
        sets: on which faces.
        judges: names, see ``faceveil.judges.loaded``; all that are there where empty.
        adversaries: names, see :data:`faceveil.evaluation.measures.ADVERSARIES`, or the user's own,
            ``module:function`` of a case.
        attacker: pack of the adversaries' own labelled faces, of people in none of the sets.
        attacker_limit: about this many of them.
        fmrs: false match rates of the matchers' figures.
        repeats: of the bootstrap.
        quality: figures of the pictures beside the mean change: ``psnr``, ``ssim``, ``ms_ssim``,
            and ``niqe``, the only one that photo mode has too.
        niqe_set: pack of natural faces that NIQE is fitted on; the originals of each set where
            empty.
        niqe_block: side of NIQE's blocks in pixels, even, 16 to 112.
        papers: protocols of single papers, see :data:`faceveil.evaluation.measures.PAPERS`.
        attributes: judge of several attributes for ``gender-an``, ``module:function``.
        attribute_labels: CSV of true attributes by ``source``, relative to ``data``.
        versions: protected versions of each face that ``averaging`` has, of protectors that draw
            anew with each seed (``combine = "gibbs"``, ``target = "random"``); 2 to 257.
        seed: decides everything random.
    """

    title: str
    data: Path
    protectors: tuple[ProtectorSpec, ...]
    sets: tuple[SetSpec, ...]
    models: Path | None = None
    judges: tuple[str, ...] = ()
    adversaries: tuple[str, ...] = ("zero-effort", "flip")
    attacker: str = ""
    attacker_limit: int | None = 1000
    fmrs: tuple[float, ...] = (0.01, 0.001)
    repeats: int = 500
    quality: tuple[str, ...] = ("psnr", "ssim", "ms_ssim")
    niqe_set: str = ""
    niqe_block: int = 48
    papers: tuple[str, ...] = ()
    attributes: str = ""
    attribute_labels: str = ""
    versions: int = 8
    seed: int = 0


def load_evaluation(path: Path, changes: Sequence[str] = ()) -> EvaluationConfig:
    """Read an evaluation; relative paths in it count from its own folder.

    Args:
        path: the TOML file.
        changes: ``key=value``, a value of the file replaced: ``repeats=100``, ``set.0.limit=50``.

    Raises:
        OptionError: if the file is missing, is no TOML, or a value is not as documented.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise OptionError(f"{path}: no such file; expected an evaluation in TOML") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise OptionError(f"{path}: cannot be read ({error}); expected TOML") from error
    for change in changes:
        _change(values, change)
    try:
        protectors = tuple(_part(ProtectorSpec, p, path) for p in values.pop("protector", []))
        sets = tuple(_part(SetSpec, s, path) for s in values.pop("set", []))
        config: EvaluationConfig = _part(
            EvaluationConfig, values | {"protectors": protectors, "sets": sets}, path
        )
    except TypeError as error:
        raise OptionError(f"{path}: {error}; see the evaluations folder for examples") from error
    _check(config, path)
    return config


def _change(values: dict[str, Any], change: str) -> None:
    """Replace one value, found by a dotted key; what is no TOML is taken as text."""
    key, given, text = change.partition("=")
    try:
        value = tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        value = text
    *parents, last = key.strip().split(".")
    place: Any = values
    try:
        for part in parents:
            place = place[int(part)] if isinstance(place, list) else place[part]
        if not given or not last or not isinstance(place, dict):
            raise KeyError(last)
    except (LookupError, ValueError, TypeError) as error:
        raise OptionError(
            f"--set {change}: expected KEY=VALUE of a key that the evaluation has, such as "
            "repeats=100, set.0.limit=50 or protector.1.strengths=[0.8]"
        ) from error
    place[last] = value


def _part(cls: type[Any], values: dict[str, Any], path: Path) -> Any:
    hints = get_type_hints(cls)
    unknown = sorted(set(values) - set(hints))
    if unknown:
        raise OptionError(
            f"{path}: unknown key {unknown[0]!r}; expected {', '.join(sorted(hints))}"
        )
    made = {}
    for key, value in values.items():
        if not _fits(value, hints[key]):
            kind = getattr(hints[key], "__name__", str(hints[key])).replace("pathlib.", "")
            raise OptionError(f"{path}: {key} is {value!r}; expected {kind}")
        is_path = isinstance(value, str) and Path in (hints[key], *get_args(hints[key]))
        frozen = tuple(value) if isinstance(value, list) else value
        made[key] = path.parent / value if is_path else frozen
    return cls(**made)


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value of TOML is of the kind that a field holds."""
    if get_origin(hint) is tuple:
        items = isinstance(value, list | tuple)
        return items and all(_fits(item, get_args(hint)[0]) for item in value)
    if get_args(hint):  # one of several
        return any(_fits(value, kind) for kind in get_args(hint))
    kinds: tuple[type, ...] = {float: (float, int), Path: (str,)}.get(hint, (hint,))
    return isinstance(value, kinds) and (hint is bool or not isinstance(value, bool))


def _check(config: EvaluationConfig, path: Path) -> None:
    """See that values fit each other."""
    if not config.protectors or not config.sets:
        raise OptionError(f"{path}: expected at least one [[protector]] and one [[set]]")
    mode = next((s.mode for s in config.sets if s.mode not in MODES), None)
    if mode is not None:
        raise OptionError(f"{path}: mode {mode!r}; expected one of {', '.join(MODES)}")
    _check_protectors(config.protectors, path)
    own = [name for name in config.adversaries if ":" in name]
    shipped = [name for name in config.adversaries if name not in own]
    for name in own:  # what is wrong with them is told before hours of measuring
        measure_of(name)
    for what, names, known in (
        ("adversary", shipped, tuple(ADVERSARIES)),
        ("quality", config.quality, FIGURES),
        ("paper", config.papers, tuple(PAPERS)),
    ):
        unknown = next((name for name in names if name not in known), None)
        if unknown is not None:
            raise OptionError(f"{path}: {what} {unknown!r}; expected one of {', '.join(known)}")
    needy = sorted(NEED_OWN_FACES & {*config.adversaries, *config.papers})
    if needy and not config.attacker:
        raise OptionError(f"{path}: {needy[0]} needs faces of its own; name a pack as 'attacker'")
    if not 16 <= config.niqe_block <= 112 or config.niqe_block % 2:
        raise OptionError(f"{path}: niqe_block {config.niqe_block}; expected an even 16 to 112")
    if not 2 <= config.versions <= 257:
        raise OptionError(f"{path}: versions {config.versions}; expected 2 to 257")


def _check_protectors(protectors: Sequence[ProtectorSpec], path: Path) -> None:
    labels = [p.label for p in protectors]
    if len(set(labels)) < len(labels):
        raise OptionError(f"{path}: two protectors are called alike; give each a name of its own")
    bad = next((s for p in protectors for s in p.strengths if not 0 <= s <= 1), None)
    if bad is not None:
        raise OptionError(f"{path}: strength {bad}; expected 0 to 1")
    for p in protectors:
        if p.weights is not None and (p.method == "original" or ":" in p.method):
            raise OptionError(f"{path}: {p.method} has no weights; leave out 'weights'")
        if p.weights is not None and not p.weights.is_dir():
            raise OptionError(f"{p.weights}: no such folder; expected the weights of {p.method}")
