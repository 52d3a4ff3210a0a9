"""What ``faceveil evaluate`` is to measure: a TOML file as frozen dataclasses."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from faceveil.errors import OptionError
from faceveil.evaluation.config_check import check


@dataclass(frozen=True, slots=True)
class ProtectorSpec:
    """One protector of an evaluation.

    Attributes:
        method: ``original`` (unprotected), one of ``faceveil.list_protectors()``, or a Python
            callable ``module:function`` of (crops, labels) that gives protected crops.
        name: how it is called in tables; the method where empty.
        strengths: each is measured; the curve of the privacy/utility plane.
        stages: for methods that take it.
        combine: for methods that take it.
        target: what faces should read as; None for what the method does on its own.
        hide: for methods that take it: some of ``gender``, ``age``, ``race``.
    """

    method: str
    name: str = ""
    strengths: tuple[float, ...] = (1.0,)
    stages: int | None = None
    combine: str | None = None
    target: str | None = None
    hide: tuple[str, ...] | None = None

    @property
    def label(self) -> str:
        """The name in tables."""
        return self.name or self.method


@dataclass(frozen=True, slots=True)
class SetSpec:
    """One data set: a Parquet pack (crop mode), or a folder of photos with a CSV beside it (photo).

    Attributes:
        path: of the pack or folder, relative to ``data``.
        limit: about this many images, whole identities, half of them men; all where None.
        mode: ``crop``: judges get the crop, as in the papers; ``photo``: judges find the face in
            the protected photo for themselves.
        colour: crop mode in colour; grey, as in SAN's papers, where not. Adversaries see luma.
    """

    path: str
    limit: int | None = None
    mode: str = "crop"
    colour: bool = False

    @property
    def name(self) -> str:
        """The name in tables."""
        return Path(self.path).stem + ("-colour" if self.colour else "")


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
        adversaries: names, see ``faceveil.evaluation.adversaries``.
        attacker: pack of the adversaries' own labelled faces, of people in none of the sets.
        attacker_limit: about this many of them.
        fmrs: false match rates of the matchers' figures.
        repeats: of the bootstrap.
        quality: figures of the pictures beside the mean change: ``psnr``, ``ssim``, ``ms_ssim``,
            and ``niqe``, the only one that photo mode has too.
        niqe_set: pack of natural faces that NIQE is fitted on; the originals of each set where
            empty.
        niqe_block: side of NIQE's blocks in pixels, even, 16 to 112.
        papers: protocols of single papers, see :mod:`faceveil.evaluation.papers.registry`.
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
    check(config, path)
    return config


def _part(cls: type[Any], values: dict[str, Any], path: Path) -> Any:
    known = {f.name for f in fields(cls)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise OptionError(
            f"{path}: unknown key {unknown[0]!r}; expected {', '.join(sorted(known))}"
        )
    return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
