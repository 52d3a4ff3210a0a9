"""What ``faceveil evaluate`` is to measure: a TOML file as frozen dataclasses."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from faceveil.errors import OptionError
from faceveil.evaluation.measures import ADVERSARIES, NEED_OWN_FACES, PAPERS
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
        adversaries: names, see :data:`faceveil.evaluation.measures.ADVERSARIES`.
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


def load_evaluation(path: Path) -> EvaluationConfig:
    """Read an evaluation; relative paths in it count from its own folder.

    Raises:
        OptionError: if the file is missing, is no TOML, or a value is not as documented.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise OptionError(f"{path}: no such file; expected an evaluation in TOML") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise OptionError(f"{path}: cannot be read ({error}); expected TOML") from error
    here = path.parent
    try:
        protectors = tuple(_part(ProtectorSpec, p, path) for p in values.pop("protector", []))
        sets = tuple(_part(SetSpec, s, path) for s in values.pop("set", []))
        for key in ("data", "models"):
            if key in values:
                values[key] = here / values[key]
        config: EvaluationConfig = _part(
            EvaluationConfig, values | {"protectors": protectors, "sets": sets}, path
        )
    except TypeError as error:
        raise OptionError(f"{path}: {error}; see the evaluations folder for examples") from error
    _check(config, path)
    return config


def _part(cls: type[Any], values: dict[str, Any], path: Path) -> Any:
    known = {f.name for f in fields(cls)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise OptionError(
            f"{path}: unknown key {unknown[0]!r}; expected {', '.join(sorted(known))}"
        )
    return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


def _check(config: EvaluationConfig, path: Path) -> None:
    """See that values fit each other."""
    if not config.protectors or not config.sets:
        raise OptionError(f"{path}: expected at least one [[protector]] and one [[set]]")
    mode = next((s.mode for s in config.sets if s.mode not in MODES), None)
    if mode is not None:
        raise OptionError(f"{path}: mode {mode!r}; expected one of {', '.join(MODES)}")
    labels = [p.label for p in config.protectors]
    if len(set(labels)) < len(labels):
        raise OptionError(f"{path}: two protectors are called alike; give each a name of its own")
    for what, names, known in (
        ("adversary", config.adversaries, tuple(ADVERSARIES)),
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
    bad = next((s for p in config.protectors for s in p.strengths if not 0 <= s <= 1), None)
    if bad is not None:
        raise OptionError(f"{path}: strength {bad}; expected 0 to 1")
